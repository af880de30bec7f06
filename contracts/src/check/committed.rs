//! Compares a generated file with the committed one, or writes it.

use std::path::Path;
use std::{fs, io};

use crate::check::outdated::Outdated;
use crate::error::{Error, Result};

/// Compares the file with `wanted`, or writes `wanted` if `is_writing`.
///
/// # Errors
/// When the file differs and may not be written, or when it cannot be read or written.
pub(crate) fn check(path: &Path, wanted: &str, is_writing: bool) -> Result<()> {
    let found = read(path)?;
    match Outdated::compare(path, found.as_deref(), wanted) {
        None => Ok(()),
        Some(_) if is_writing => write(path, wanted),
        Some(outdated) => Err(Error::Outdated(outdated)),
    }
}

/// Reads a file; `None` when it does not exist.
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

/// Writes a file, and creates its folder.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|source| Error::Write {
            path: path.to_owned(),
            source,
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
