//! Twins that are programs of their own: made ready once, under the target directory, from what is committed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::twins::Twin;

/// How a program is made ready, and started.
#[derive(Debug)]
struct Recipe {
    /// Its place among the recipes.
    at: usize,
    /// Its folder, below the package's.
    source: &'static str,
    /// What says which dependencies there are.
    locks: &'static [&'static str],
    install: &'static [&'static [&'static str]],
    /// The program itself.
    sources: &'static [&'static str],
    build: &'static [&'static [&'static str]],
    start: &'static [&'static str],
}

const FASTSTREAM: Recipe = Recipe {
    at: 0,
    source: "src/twins/faststream",
    locks: &["requirements.txt"],
    install: &[
        &["python3", "-m", "venv", "--clear", "env"],
        &[
            "env/bin/python",
            "-m",
            "pip",
            "install",
            "--requirement",
            "requirements.txt",
        ],
    ],
    sources: &["service.py"],
    build: &[],
    start: &["env/bin/python", "service.py"],
};

const GOLEVELUP: Recipe = Recipe {
    at: 1,
    source: "src/twins/golevelup",
    locks: &["package.json", "package-lock.json"],
    // What the lock file says, and no script of anyone's.
    install: &[&["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]],
    sources: &["tsconfig.json", "src/main.ts"],
    build: &[&["node", "node_modules/typescript/bin/tsc", "--project", "."]],
    start: &["node", "dist/main.js"],
};

/// A package of its own beside this one: what it asks of shared crates would else change what is measured of ours.
const RUSTSTREAM: Recipe = Recipe {
    at: 2,
    source: "ruststream",
    locks: &[],
    install: &[],
    sources: &[],
    build: &[],
    start: &["release/bench-ruststream"],
};

/// Whether `twin` is a program of its own.
pub(crate) fn is(twin: Twin) -> bool {
    recipe(twin).is_some()
}

/// How to start `twin`, or nothing where it is part of this program; it is made ready first.
pub(crate) fn command(twin: Twin) -> Result<Option<Command>, String> {
    static READY: [OnceLock<Result<PathBuf, String>>; 3] = [const { OnceLock::new() }; 3];
    let Some((recipe, variant)) = recipe(twin) else {
        return Ok(None);
    };
    let home = READY[recipe.at].get_or_init(|| recipe.ready()).clone()?;
    let [program, rest @ ..] = recipe.start else {
        return Err(format!("no way to start {}", twin.name()));
    };
    let mut command = Command::new(located(&home, program));
    command.args(rest).arg(variant).current_dir(home);
    Ok(Some(command))
}

/// The program of a twin, and which variant of it.
fn recipe(twin: Twin) -> Option<(&'static Recipe, &'static str)> {
    match twin {
        Twin::RustStream => Some((&RUSTSTREAM, "tuned")),
        Twin::RustStreamPlain => Some((&RUSTSTREAM, "documented")),
        Twin::FastStream => Some((&FASTSTREAM, "tuned")),
        Twin::FastStreamPlain => Some((&FASTSTREAM, "default")),
        Twin::Golevelup => Some((&GOLEVELUP, "tuned")),
        Twin::Tidings | Twin::LapinNaive | Twin::LapinBest => None,
    }
}

impl Recipe {
    /// The folder of the program, installed and built.
    fn ready(&self) -> Result<PathBuf, String> {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let source = package.join(self.source);
        let name = source.file_name().unwrap_or_default();
        let home = package.join("../target/bench").join(name);
        fs::create_dir_all(&home).map_err(|error| format!("cannot make {}: {error}", home.display()))?;
        let home = home.canonicalize().unwrap_or(home);
        if self.locks.is_empty() {
            return built_by_cargo(&source, home);
        }
        let fresh = step(&source, &home, ".installed", self.locks, self.install, false)?;
        step(&source, &home, ".built", self.sources, self.build, fresh)?;
        Ok(home)
    }
}

/// Cargo itself knows what is to be built again.
fn built_by_cargo(source: &Path, target: PathBuf) -> Result<PathBuf, String> {
    let (manifest, folder) = (source.join("Cargo.toml"), target.display().to_string());
    let manifest = manifest.display().to_string();
    let cargo: &[&str] = &[
        "cargo",
        "build",
        "--release",
        "--locked",
        "--quiet",
        "--manifest-path",
        &manifest,
        "--target-dir",
        &folder,
    ];
    run(&target, cargo).map(|()| target)
}

/// Copies `files` and runs `commands`, unless that was done before with the very same files; whether it was done now.
fn step(
    source: &Path,
    home: &Path,
    stamp: &str,
    files: &[&str],
    commands: &[&[&str]],
    anyway: bool,
) -> Result<bool, String> {
    let stamp = home.join(stamp);
    let mut texts = Vec::new();
    for file in files {
        let file = source.join(file);
        texts.push(
            fs::read_to_string(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))?,
        );
    }
    let now = texts.join("\n");
    if !anyway && fs::read_to_string(&stamp).is_ok_and(|then| then == now) {
        return Ok(false);
    }
    for (file, text) in files.iter().zip(&texts) {
        write(&home.join(file), text)?;
    }
    for command in commands {
        run(home, command)?;
    }
    // Last, so that what is interrupted is done again.
    write(&stamp, &now)?;
    Ok(true)
}

fn run(home: &Path, words: &[&str]) -> Result<(), String> {
    let line = words.join(" ");
    let [program, args @ ..] = words else {
        return Ok(());
    };
    eprintln!("{line}");
    let output = Command::new(located(home, program))
        .args(args)
        .current_dir(home)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run `{program}`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or_default();
    Err(format!("`{line}` failed, {}: {last}", output.status))
}

/// A program with a folder is one of the home's own.
fn located(home: &Path, program: &str) -> PathBuf {
    if program.contains('/') {
        home.join(program)
    } else {
        program.into()
    }
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    let cannot = |error| format!("cannot write {}: {error}", file.display());
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    fs::write(file, text).map_err(cannot)
}
