//! What the environment of a test run says: whether to write changed files, and where the package is.

use std::env;
use std::path::{Path, PathBuf};

/// Set to `write` to accept what changed.
pub(crate) const VARIABLE: &str = "TIDINGS_CONTRACTS";

/// The value of [`VARIABLE`] when it is neither empty nor `write`.
pub(crate) struct InvalidVariable(pub(crate) String);

pub(crate) fn write_requested() -> Result<bool, InvalidVariable> {
    match env::var(VARIABLE) {
        Err(env::VarError::NotPresent) => Ok(false),
        Ok(value) if value.is_empty() => Ok(false),
        Ok(value) if value == "write" => Ok(true),
        Ok(value) => Err(InvalidVariable(value)),
        Err(env::VarError::NotUnicode(value)) => Err(InvalidVariable(value.to_string_lossy().into_owned())),
    }
}

/// Resolves `path` in the package. `cargo test` starts a test in its package and names the package in a variable; other
/// runners may set the variable only.
pub(crate) fn in_package(path: &Path) -> PathBuf {
    match env::var_os("CARGO_MANIFEST_DIR") {
        Some(package) => Path::new(&package).join(path),
        None => path.to_owned(),
    }
}
