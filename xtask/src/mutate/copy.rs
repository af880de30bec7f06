//! A copy of the tree, in which patches are applied and reverted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use crate::tool::GIT;

/// A copy of all files that git tracks or does not ignore.
#[derive(Debug)]
pub(crate) struct Copy {
    root: PathBuf,
    folder: PathBuf,
    files: BTreeSet<PathBuf>,
}

impl Copy {
    /// Makes the copy, or updates an older one. Unchanged files are not written, so cargo does not build them again.
    ///
    /// # Errors
    /// When git cannot list the files, or a file cannot be written.
    pub(crate) fn of(root: &Path) -> Result<Self, String> {
        let root = root
            .canonicalize()
            .map_err(|error| format!("cannot find the tree: {error}"))?;
        let mut git = GIT.command();
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listed = output_of(git.current_dir(&root))?;
        let files = listed
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(PathBuf::from);
        let files = files.filter(|file| root.join(file).is_file()).collect();
        let folder = root.join("target/mutants/tree");
        let copy = Self { root, folder, files };
        copy.restore()?;
        Ok(copy)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The target folder of the copy. Cargo names the files of both trees alike, so in a shared target folder each tree
    /// would run the other's tests.
    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("target/mutants/build")
    }

    /// Applies a patch.
    ///
    /// # Errors
    /// When the patch does not fit, with the error of git.
    pub(crate) fn apply(&self, patch: &Path) -> Result<(), String> {
        git_apply(&self.folder, patch, &[])
    }

    /// Makes the copy equal to the tree again.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(crate) fn restore(&self) -> Result<(), String> {
        let restored = self.files.iter().try_for_each(|file| self.copy_file(file));
        restored
            .and_then(|()| self.delete_unknown(&self.folder))
            .map_err(|error| format!("cannot copy the tree to `{}`: {error}", self.folder.display()))
    }

    fn copy_file(&self, file: &Path) -> io::Result<()> {
        let (from, to) = (self.root.join(file), self.folder.join(file));
        let wanted = fs::read(&from)?;
        if fs::read(&to).is_ok_and(|found| found == wanted) {
            return Ok(());
        }
        fs::create_dir_all(to.parent().unwrap_or(&to))?;
        // A link becomes a copy of its target.
        fs::write(&to, wanted)
    }

    /// Deletes the files that the tree does not have.
    fn delete_unknown(&self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let is_known = || {
                let file = path.strip_prefix(&self.folder);
                file.is_ok_and(|file| self.files.contains(file))
            };
            if path.is_dir() {
                self.delete_unknown(&path)?;
            } else if !is_known() {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

/// Checks that a patch applies to the tree.
#[cfg(test)]
pub(crate) fn check(root: &Path, patch: &Path) -> Result<(), String> {
    let root = root.canonicalize().map_err(|error| error.to_string())?;
    git_apply(&root, patch, &["--check"])
}

fn git_apply(folder: &Path, patch: &Path, options: &[&str]) -> Result<(), String> {
    let patch = patch.canonicalize().map_err(|error| error.to_string())?;
    let mut git = GIT.command();
    git.arg("apply").args(options).arg(patch).current_dir(folder);
    // The copy is in the ignored folder `target` of a repository. If git found that repository, it would skip the patch
    // without an error.
    git.env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap_or(folder));
    output_of(&mut git).map(drop)
}

fn output_of(command: &mut Command) -> Result<String, String> {
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
        .unwrap_or("git failed without an error text")
        .to_owned())
}
