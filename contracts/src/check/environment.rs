//! The environment of a test run: whether to write changed files, and the folder of the package.

use std::env;
use std::path::{Path, PathBuf};

/// Set to `write` to accept changes.
pub(crate) const VARIABLE: &str = "TIDINGS_CONTRACTS";

/// A value of [`VARIABLE`] other than `write`.
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

/// Resolves `path` in the package. `cargo test` starts a test in its package and sets a variable. Other runners may
/// only set the variable.
pub(crate) fn in_package(path: &Path) -> PathBuf {
    match env::var_os("CARGO_MANIFEST_DIR") {
        Some(package) => Path::new(&package).join(path),
        None => path.to_owned(),
    }
}
