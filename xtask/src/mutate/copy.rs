//! A copy of the tree, to be broken and made whole again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use crate::tool::GIT;

/// A copy of everything that git knows of or would take in.
#[derive(Debug)]
pub(crate) struct Copy {
    root: PathBuf,
    place: PathBuf,
    files: BTreeSet<PathBuf>,
}

impl Copy {
    /// Makes it, or brings an older one up to date: what has not changed is not written, and not built again.
    ///
    /// # Errors
    /// When git cannot say which files there are, or a file cannot be written.
    pub(crate) fn of(root: &Path) -> Result<Self, String> {
        let root = root
            .canonicalize()
            .map_err(|error| format!("cannot find the tree: {error}"))?;
        let mut git = GIT.command();
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listed = said(git.current_dir(&root))?;
        let files = listed
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(PathBuf::from);
        let files = files.filter(|file| root.join(file).is_file()).collect();
        let place = root.join("target/mutants/tree");
        let copy = Self { root, place, files };
        copy.restore()?;
        Ok(copy)
    }

    /// Where it is.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// Where it is built. Not where the tree is: cargo gives a package of the same name at the same place in its workspace
    /// the same file name, so that each would take the other's tests for its own.
    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("target/mutants/build")
    }

    /// Applies a patch.
    ///
    /// # Errors
    /// With what git says of a patch that does not fit.
    pub(crate) fn apply(&self, patch: &Path) -> Result<(), String> {
        git_apply(&self.place, patch, &[])
    }

    /// Makes it again what the tree is.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(crate) fn restore(&self) -> Result<(), String> {
        let restored = self.files.iter().try_for_each(|file| self.bring(file));
        restored
            .and_then(|()| self.sweep(&self.place))
            .map_err(|error| format!("cannot copy the tree to `{}`: {error}", self.place.display()))
    }

    fn bring(&self, file: &Path) -> io::Result<()> {
        let (from, to) = (self.root.join(file), self.place.join(file));
        let wanted = fs::read(&from)?;
        if fs::read(&to).is_ok_and(|found| found == wanted) {
            return Ok(());
        }
        fs::create_dir_all(to.parent().unwrap_or(&to))?;
        // A link is copied as what it leads to.
        fs::write(&to, wanted)
    }

    /// Deletes what the tree does not have.
    fn sweep(&self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let is_known = || {
                let file = path.strip_prefix(&self.place);
                file.is_ok_and(|file| self.files.contains(file))
            };
            if path.is_dir() {
                self.sweep(&path)?;
            } else if !is_known() {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

/// Whether a patch would apply to the tree as it is.
///
/// # Errors
/// With what git says of a patch that does not fit.
#[cfg(test)]
pub(crate) fn fits(root: &Path, patch: &Path) -> Result<(), String> {
    let root = root.canonicalize().map_err(|error| error.to_string())?;
    git_apply(&root, patch, &["--check"])
}

fn git_apply(place: &Path, patch: &Path, more: &[&str]) -> Result<(), String> {
    let patch = patch.canonicalize().map_err(|error| error.to_string())?;
    let mut git = GIT.command();
    git.arg("apply").args(more).arg(patch).current_dir(place);
    // Within a repository it would look at its index, and pass over what lies under `target` in silence.
    git.env("GIT_CEILING_DIRECTORIES", place.parent().unwrap_or(place));
    said(&mut git).map(drop)
}

/// What a command writes.
fn said(command: &mut Command) -> Result<String, String> {
    let output = command
        .output()
        .map_err(|error| format!("cannot run git: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let fault = String::from_utf8_lossy(&output.stderr);
    Err(fault
        .lines()
        .next()
        .unwrap_or("git failed and said nothing")
        .to_owned())
}
