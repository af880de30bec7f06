//! What foreign programs depend on: installed once, under the target directory, from the committed lock files.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// How a program is made ready to run.
#[derive(Debug)]
pub(crate) struct Dependencies {
    /// What says which dependencies there are.
    pub(crate) locks: &'static [&'static str],
    /// What installs them.
    pub(crate) install: &'static [&'static [&'static str]],
    /// The program itself.
    pub(crate) sources: &'static [&'static str],
    /// What compiles it.
    pub(crate) build: &'static [&'static [&'static str]],
}

/// How long one command may take: a registry may be slow.
const LIMIT: Duration = Duration::from_mins(5);

/// The folder of a program that is ready to run: what `source`, beside this package's tests, has, installed and built.
pub(crate) async fn ready(suite: &str, source: &str, dependencies: &Dependencies) -> PathBuf {
    let name = source.rsplit('/').next().unwrap_or(source);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join(suite);
    let home = cache.join(name);
    make_folder(&home);
    // Another run of these tests may be at it. The lock ends with the file, and that with us.
    let lock = cache.join(format!("{name}.lock"));
    let lock = File::create(&lock).unwrap_or_else(|error| panic!("cannot make {}: {error}", lock.display()));
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock));
    let _lock = lock
        .await
        .expect("locking does not panic")
        .expect("the lock can be taken");

    let Dependencies {
        locks,
        install,
        sources,
        build,
    } = dependencies;
    let fresh = step(&source, &home, ".installed", locks, install, false).await;
    step(&source, &home, ".built", sources, build, fresh).await;
    home
}

/// Copies `files` and runs `commands`, unless that was done before with the very same files; whether it was done now.
async fn step(
    source: &Path,
    home: &Path,
    stamp: &str,
    files: &[&str],
    commands: &[&[&str]],
    anyway: bool,
) -> bool {
    let stamp = home.join(stamp);
    let texts: Vec<String> = files.iter().map(|file| read(&source.join(file))).collect();
    let now = texts.join("\n");
    if !anyway && fs::read_to_string(&stamp).is_ok_and(|then| then == now) {
        return false;
    }
    for (file, text) in files.iter().zip(&texts) {
        write(&home.join(file), text);
    }
    for command in commands {
        run(home, command).await;
    }
    // Last, so that what is interrupted is done again.
    write(&stamp, &now);
    true
}

/// Runs a command in a folder, and shows all that it said when it fails.
pub(crate) async fn run(home: &Path, words: &[&str]) {
    let (name, args) = words.split_first().expect("a command has a name");
    let program = if name.contains('/') {
        home.join(name).into_os_string()
    } else {
        name.into()
    };
    let output = Command::new(program)
        .args(args)
        .current_dir(home)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let line = words.join(" ");
    let Ok(output) = timeout(LIMIT, output).await else {
        panic!("`{line}` is not done after {LIMIT:?}");
    };
    let output = match output {
        Ok(output) => output,
        Err(error) => cannot_run(name, &error),
    };
    assert!(
        output.status.success(),
        "`{line}` failed in {}, {}; {ADVICE}\n{}{}",
        home.display(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}

/// Says which program is missing, and where it comes from.
pub(crate) fn cannot_run(program: &str, error: &io::Error) -> ! {
    panic!("cannot run `{program}` ({error}); {ADVICE}")
}

const ADVICE: &str = "these tests need `node` (18 or newer) with `npm`, and `python3` (3.10 or newer) with `venv`; \
                      on Debian: `apt-get install nodejs npm python3-venv`";

fn make_folder(folder: &Path) {
    fs::create_dir_all(folder).unwrap_or_else(|error| panic!("cannot make {}: {error}", folder.display()));
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()))
}

fn write(file: &Path, text: &str) {
    if let Some(folder) = file.parent() {
        make_folder(folder);
    }
    fs::write(file, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
}
