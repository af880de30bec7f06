//! A committed file and what it should be: compared, and written on request.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use similar::TextDiff;

use crate::check::VARIABLE;
use crate::error::{Error, Result};

/// A committed file is not what it should be, and nothing is wrong with that but that nobody has accepted it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outdated {
    path: PathBuf,
    diff: Option<String>,
}

impl Outdated {
    /// What would change; `None` where there is no file yet.
    pub fn diff(&self) -> Option<&str> {
        self.diff.as_deref()
    }
}

impl fmt::Display for Outdated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.diff {
            None => write!(f, "there is no `{path}`")?,
            Some(diff) => write!(f, "`{path}` is not what the code says:\n{diff}")?,
        }
        write!(f, "\nrun with {VARIABLE}=write to accept, and review the file")
    }
}

/// Holds a committed file against its text, or writes it where that is asked for.
///
/// # Errors
/// When it is another, and is not to be written; and when it cannot be read or written.
pub(crate) fn check(path: &Path, wanted: &str, is_writing: bool) -> Result<()> {
    let found = read(path)?;
    match outdated(path, found.as_deref(), wanted) {
        None => Ok(()),
        Some(_) if is_writing => write(path, wanted),
        Some(outdated) => Err(Error::Outdated(outdated)),
    }
}

/// The text of a file; `None` where there is none.
///
/// # Errors
/// When it is there and cannot be read.
pub(crate) fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Writes a file, and the folder that it is in.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|source| Error::Write {
            path: path.to_owned(),
            source,
        })
}

/// What there is to accept, if anything. A checkout may have given the file other line ends.
fn outdated(path: &Path, found: Option<&str>, wanted: &str) -> Option<Outdated> {
    let found = found.map(|text| text.replace("\r\n", "\n"));
    if found.as_deref() == Some(wanted) {
        return None;
    }
    let diff = found.map(|found| {
        let diff = TextDiff::from_lines(found.as_str(), wanted);
        diff.unified_diff().context_radius(3).to_string()
    });
    Some(Outdated {
        path: path.to_owned(),
        diff,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_shown_and_written_only_on_request() {
        let folder = std::env::temp_dir().join(format!("tidings-golden-{}", std::process::id()));
        let path = folder.join("deep/file.json");
        let error = check(&path, "one\ntwo\n", false).unwrap_err().to_string();
        assert!(error.starts_with("there is no `"), "{error}");
        assert!(
            error.ends_with("run with TIDINGS_CONTRACTS=write to accept, and review the file"),
            "{error}"
        );
        check(&path, "one\ntwo\n", true).unwrap();
        check(&path, "one\ntwo\n", false).unwrap();
        let error = check(&path, "one\n2\n", false).unwrap_err();
        assert!(error.to_string().contains("\n one\n-two\n+2\n"), "{error:?}");
        fs::write(&path, "one\r\ntwo\r\n").unwrap();
        check(&path, "one\ntwo\n", false).unwrap();
        fs::remove_dir_all(folder).unwrap();
    }
}
