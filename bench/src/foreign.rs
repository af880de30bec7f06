//! Clients that are separate programs. They are installed once, in the target directory, from committed lock files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use tidings_test_support::install::{NPM_CI, PIP_INSTALL, Recipe, TSC, locate, run};

use crate::clients::Client;

#[derive(Debug)]
struct ForeignClient {
    /// Its index in `READY`.
    index: usize,
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

const FASTSTREAM: ForeignClient = ForeignClient {
    index: 0,
    source: "src/clients/faststream",
    build: Build::Recipe(Recipe {
        locks: &["requirements.txt"],
        install: PIP_INSTALL,
        sources: &["service.py"],
        build: &[],
    }),
    start: &["env/bin/python", "service.py"],
};

const GOLEVELUP: ForeignClient = ForeignClient {
    index: 1,
    source: "src/clients/golevelup",
    build: Build::Recipe(Recipe {
        locks: &["package.json", "package-lock.json"],
        install: NPM_CI,
        sources: &["tsconfig.json", "src/main.ts"],
        build: TSC,
    }),
    start: &["node", "dist/main.js"],
};

/// A package outside of the workspace, so that its features of shared crates do not change the build of Tidings.
const RUSTSTREAM: ForeignClient = ForeignClient {
    index: 2,
    source: "ruststream",
    build: Build::Cargo,
    start: &["release/bench-ruststream"],
};

/// Whether `client` is a separate program.
pub(crate) fn is(client: Client) -> bool {
    foreign_client(client).is_some()
}

/// Installs `client` and returns the command that starts it, or `None` when the client is part of this program.
pub(crate) fn command(client: Client) -> Result<Option<Command>, String> {
    static READY: [OnceLock<Result<PathBuf, String>>; 3] = [const { OnceLock::new() }; 3];
    let Some((program, variant)) = foreign_client(client) else {
        return Ok(None);
    };
    let home = READY[program.index].get_or_init(|| program.prepare()).clone()?;
    let [name, rest @ ..] = program.start else {
        return Err(format!("no command starts {}", client.name()));
    };
    let mut command = Command::new(locate(&home, name));
    command.args(rest).arg(variant).current_dir(home);
    Ok(Some(command))
}

/// Returns the program of a client and its variant.
fn foreign_client(client: Client) -> Option<(&'static ForeignClient, &'static str)> {
    match client {
        Client::RustStream => Some((&RUSTSTREAM, "tuned")),
        Client::RustStreamPlain => Some((&RUSTSTREAM, "documented")),
        Client::FastStream => Some((&FASTSTREAM, "tuned")),
        Client::FastStreamPlain => Some((&FASTSTREAM, "default")),
        Client::Golevelup => Some((&GOLEVELUP, "tuned")),
        Client::Tidings | Client::LapinNaive | Client::LapinBest => None,
    }
}

impl ForeignClient {
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
            // Print the full output. A row of the results has room for its first and last line only.
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

/// Builds a package. Cargo detects what has changed.
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
