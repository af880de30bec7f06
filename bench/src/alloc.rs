//! How often memory is allocated, which is counted by a program of its own: counters that all threads share cost the
//! more the more threads there are, and what is timed must not pay for them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

static COUNTER: OnceLock<fn() -> u64> = OnceLock::new();

/// Says how this program counts.
pub(crate) fn count_by(counter: fn() -> u64) {
    COUNTER.get_or_init(|| counter);
}

/// How often memory was allocated or grown since the process began; none where it is not counted.
pub(crate) fn count() -> Option<u64> {
    COUNTER.get().map(|count| count())
}

/// How often since there were `before`.
pub(crate) fn since(before: Option<u64>) -> Option<u64> {
    Some(count()? - before?)
}

/// The program that counts, built on first use.
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
