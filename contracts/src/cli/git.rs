//! Reads contracts from a git commit.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use super::BoxError;
use crate::contract::Contract;
use crate::contract::folder::Folder;

/// Reads the folder `path` as of the commit `reference`; empty when the commit has no such folder.
pub(super) fn folder(path: &Path, reference: &str) -> Result<Folder, BoxError> {
    let commit = git(
        path,
        &[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &format!("{reference}^{{commit}}"),
        ],
    )
    .map_err(|_| format!("`{reference}` is neither a folder nor a git commit"))?;
    let commit = commit.trim();
    // git runs in the folder and prints names relative to it.
    let names = git(path, &["ls-tree", "-z", "--name-only", commit])?;
    let mut folder = Folder::default();
    for name in names.split('\0').filter(|name| Folder::is_contract(name)) {
        let text = git(path, &["show", &format!("{commit}:./{name}")])?;
        let contract =
            Contract::from_json(&text).map_err(|error| format!("`{name}` in `{reference}`: {error}"))?;
        folder.insert(contract);
    }
    Ok(folder)
}

fn git<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Result<String, BoxError> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .map_err(|error| format!("cannot run git: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        Err(format!("git: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
    }
}
