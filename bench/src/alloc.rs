//! Counts of allocations. A separate program, `bench-counting`, counts them: counters that all threads share would slow
//! down the runs that are timed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

static COUNTER: OnceLock<fn() -> u64> = OnceLock::new();

pub(crate) fn set_counter(counter: fn() -> u64) {
    COUNTER.get_or_init(|| counter);
}

/// The number of allocations and reallocations since the process started, or `None` in a program that does not count.
pub(crate) fn count() -> Option<u64> {
    COUNTER.get().map(|count| count())
}

/// The number of allocations since `count` returned `before`.
pub(crate) fn since(before: Option<u64>) -> Option<u64> {
    Some(count()? - before?)
}

/// Builds the program that counts, and returns its path.
pub(crate) fn program() -> Result<PathBuf, String> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT.get_or_init(build).clone()
}

fn build() -> Result<PathBuf, String> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = package.join("../target");
    eprintln!("bench: building the program that counts allocations");
    let status = Command::new("cargo")
        .args(["build", "--release", "--quiet", "--bin", "bench-counting"])
        .arg("--manifest-path")
        .arg(package.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cannot run `cargo`: {error}"))?;
    if status.success() {
        Ok(target.join("release").join("bench-counting"))
    } else {
        Err(format!(
            "cannot build the program that counts allocations, {status}"
        ))
    }
}
