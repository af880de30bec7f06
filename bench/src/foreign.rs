//! Twins that are programs of their own. They are installed once, in the target directory, from committed lock files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use tidings_test_support::install::{NPM_CI, PIP_INSTALL, Recipe, TSC, locate, run};

use crate::twins::Twin;

/// A program, and how it is built and started.
#[derive(Debug)]
struct ForeignTwin {
    /// The index of its slot in `READY`.
    at: usize,
    /// The folder of its sources, in the folder of this package.
    source: &'static str,
    build: Build,
    start: &'static [&'static str],
}

#[derive(Debug)]
enum Build {
    Recipe(Recipe),
    Cargo,
}

/// The deadline of a release build on a slow machine.
const CARGO_DEADLINE: Duration = Duration::from_mins(30);

const FASTSTREAM: ForeignTwin = ForeignTwin {
    at: 0,
    source: "src/twins/faststream",
    build: Build::Recipe(Recipe {
        locks: &["requirements.txt"],
        install: PIP_INSTALL,
        sources: &["service.py"],
        build: &[],
    }),
    start: &["env/bin/python", "service.py"],
};

const GOLEVELUP: ForeignTwin = ForeignTwin {
    at: 1,
    source: "src/twins/golevelup",
    build: Build::Recipe(Recipe {
        locks: &["package.json", "package-lock.json"],
        install: NPM_CI,
        sources: &["tsconfig.json", "src/main.ts"],
        build: TSC,
    }),
    start: &["node", "dist/main.js"],
};

/// A package outside of the workspace: its features of shared crates would change what is measured of Tidings.
const RUSTSTREAM: ForeignTwin = ForeignTwin {
    at: 2,
    source: "ruststream",
    build: Build::Cargo,
    start: &["release/bench-ruststream"],
};

/// Whether `twin` is a program of its own.
pub(crate) fn is(twin: Twin) -> bool {
    foreign_twin(twin).is_some()
}

/// Returns the command that starts `twin`, or `None` when the twin is part of this program. Installs it first.
pub(crate) fn command(twin: Twin) -> Result<Option<Command>, String> {
    static READY: [OnceLock<Result<PathBuf, String>>; 3] = [const { OnceLock::new() }; 3];
    let Some((program, variant)) = foreign_twin(twin) else {
        return Ok(None);
    };
    let home = READY[program.at].get_or_init(|| program.prepare()).clone()?;
    let [name, rest @ ..] = program.start else {
        return Err(format!("no command starts {}", twin.name()));
    };
    let mut command = Command::new(locate(&home, name));
    command.args(rest).arg(variant).current_dir(home);
    Ok(Some(command))
}

/// Returns the program of a twin and its variant.
fn foreign_twin(twin: Twin) -> Option<(&'static ForeignTwin, &'static str)> {
    match twin {
        Twin::RustStream => Some((&RUSTSTREAM, "tuned")),
        Twin::RustStreamPlain => Some((&RUSTSTREAM, "documented")),
        Twin::FastStream => Some((&FASTSTREAM, "tuned")),
        Twin::FastStreamPlain => Some((&FASTSTREAM, "default")),
        Twin::Golevelup => Some((&GOLEVELUP, "tuned")),
        Twin::Tidings | Twin::LapinNaive | Twin::LapinBest => None,
    }
}

impl ForeignTwin {
    /// Installs and builds the program and returns its folder.
    fn prepare(&self) -> Result<PathBuf, String> {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let source = package.join(self.source);
        let name = source.file_name().unwrap_or_default();
        let home = package.join("../target/bench").join(name);
        fs::create_dir_all(&home).map_err(|error| format!("cannot create {}: {error}", home.display()))?;
        let home = home.canonicalize().unwrap_or(home);
        let prepared = match &self.build {
            Build::Recipe(recipe) => recipe.prepare(&source, &home),
            Build::Cargo => build_with_cargo(&source, home),
        };
        prepared.map_err(|error| {
            // The full output is on stderr. A row of the page has room for its ends.
            eprintln!("{error}");
            summary(&error)
        })
    }
}

/// Returns the first and the last line of a text.
fn summary(text: &str) -> String {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    match (lines.next(), lines.next_back()) {
        (Some(first), Some(last)) => format!("{first}: {last}"),
        (first, _) => first.unwrap_or_default().to_owned(),
    }
}

/// Builds a package. Cargo itself knows what has changed.
fn build_with_cargo(source: &Path, target: PathBuf) -> Result<PathBuf, String> {
    let (manifest, folder) = (source.join("Cargo.toml"), target.display().to_string());
    let manifest = manifest.display().to_string();
    let cargo = [
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
    run(&target, &cargo, CARGO_DEADLINE).map(|()| target)
}
