//! Installs programs in other languages from their committed lock files.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tidings_broker::run_with_deadline;

/// Commands, each with its arguments.
pub type Commands = &'static [&'static [&'static str]];

/// Installs exactly what the lock file names, without install scripts.
pub const NPM_CI: Commands = &[&["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]];

/// Creates the virtual environment `env` and installs `requirements.txt` into it.
pub const PIP_INSTALL: Commands = &[
    &["python3", "-m", "venv", "--clear", "env"],
    &[
        "env/bin/python",
        "-m",
        "pip",
        "install",
        "--requirement",
        "requirements.txt",
    ],
];

/// Compiles a TypeScript project.
pub const TSC: Commands = &[&["node", "node_modules/typescript/bin/tsc", "--project", "."]];

/// The deadline of one command. It is long because a package registry may be slow.
const DEADLINE: Duration = Duration::from_mins(5);

const REQUIREMENTS: &str = "this needs `node` (18 or newer) with `npm`, and `python3` (3.10 or newer) with `venv`; \
                            on Debian: `apt-get install nodejs npm python3-venv`";

/// How to install and build a program.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    /// The files that name the dependencies.
    pub locks: &'static [&'static str],
    /// Installs the dependencies.
    pub install: Commands,
    /// The files of the program itself.
    pub sources: &'static [&'static str],
    /// Compiles the program.
    pub build: Commands,
}

impl Recipe {
    /// Installs and builds the program of the folder `source` in the folder `home`, and returns `home`.
    ///
    /// A step whose input files have not changed since the last run is not repeated.
    ///
    /// # Errors
    /// When a file cannot be read or written, or a command fails.
    pub fn prepare(&self, source: &Path, home: &Path) -> Result<PathBuf, String> {
        create_folder(home)?;
        // Another process may run the same tests. The lock is released when the file is closed.
        let path = home.with_extension("lock");
        let lock = File::create(&path).map_err(cannot("create", &path))?;
        lock.lock().map_err(cannot("lock", &path))?;
        let installed = step(source, home, ".installed", self.locks, self.install, false)?;
        step(source, home, ".built", self.sources, self.build, installed)?;
        Ok(home.to_owned())
    }
}

/// Copies `files` and runs `commands`, unless the same was done before with the same files. Returns whether it ran.
fn step(
    source: &Path,
    home: &Path,
    stamp: &str,
    files: &[&str],
    commands: Commands,
    force: bool,
) -> Result<bool, String> {
    let stamp = home.join(stamp);
    let read = |file: &&str| {
        let file = source.join(file);
        fs::read_to_string(&file).map_err(cannot("read", &file))
    };
    let texts: Vec<String> = files.iter().map(read).collect::<Result<_, _>>()?;
    let now = texts.join("\n");
    if !force && fs::read_to_string(&stamp).is_ok_and(|before| before == now) {
        return Ok(false);
    }
    for (file, text) in files.iter().zip(&texts) {
        write(&home.join(file), text)?;
    }
    for command in commands {
        run(home, command, DEADLINE).map_err(|error| format!("{error}; {REQUIREMENTS}"))?;
    }
    // The stamp is written last, so that an interrupted step runs again.
    write(&stamp, &now)?;
    Ok(true)
}

/// Runs a command in a folder. A program name with a `/` is relative to that folder.
///
/// # Errors
/// When the command cannot be started, fails, or takes longer than `deadline`. The error contains its output.
pub fn run(folder: &Path, words: &[&str], deadline: Duration) -> Result<(), String> {
    let line = words.join(" ");
    let [program, args @ ..] = words else {
        return Ok(());
    };
    eprintln!("{line}");
    let mut command = Command::new(locate(folder, program));
    command.args(args).current_dir(folder);
    let output =
        run_with_deadline(&mut command, deadline).map_err(|error| format!("cannot run `{line}`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "`{line}` failed in {}, {}\n{}{}",
        folder.display(),
        output.status,
        output.stdout,
        output.stderr
    ))
}

/// Returns the path of a program. A name with a `/` is in `folder`, and another name is found by `PATH`.
pub fn locate(folder: &Path, program: &str) -> PathBuf {
    if program.contains('/') {
        folder.join(program)
    } else {
        program.into()
    }
}

/// Panics because a program of another language cannot be started, and says how to install the language.
///
/// # Panics
/// Always.
pub fn cannot_run(program: &str, error: &io::Error) -> ! {
    panic!("cannot run `{program}`: {error}; {REQUIREMENTS}")
}

fn create_folder(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(cannot("create", folder))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    if let Some(folder) = file.parent() {
        create_folder(folder)?;
    }
    fs::write(file, text).map_err(cannot("write", file))
}

fn cannot(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> String {
    move |error| format!("cannot {verb} {}: {error}", path.display())
}
