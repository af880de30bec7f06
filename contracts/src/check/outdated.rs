use std::fmt;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use crate::check::environment::VARIABLE;

/// A committed file differs from the generated one. Run with `TIDINGS_CONTRACTS=write` to accept the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outdated {
    path: PathBuf,
    diff: Option<String>,
}

impl Outdated {
    /// Compares a file with the wanted text; `None` when they are equal.
    pub(crate) fn compare(path: &Path, found: Option<&str>, wanted: &str) -> Option<Self> {
        // A checkout may have changed the line ends.
        let found = found.map(|text| text.replace("\r\n", "\n"));
        if found.as_deref() == Some(wanted) {
            return None;
        }
        Some(Self {
            path: path.to_owned(),
            diff: found.map(|found| unified_diff(&found, wanted, None)),
        })
    }

    /// The unified diff from the file to the generated text; `None` when there is no file yet.
    pub fn diff(&self) -> Option<&str> {
        self.diff.as_deref()
    }
}

impl fmt::Display for Outdated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.diff {
            None => write!(f, "there is no `{path}`")?,
            Some(diff) => write!(f, "`{path}` differs from what the code generates:\n{diff}")?,
        }
        write!(f, "\nrun with {VARIABLE}=write to accept, and review the file")
    }
}

pub(crate) fn unified_diff(old: &str, new: &str, header: Option<(&str, &str)>) -> String {
    let diff = TextDiff::from_lines(old, new);
    let mut diff = diff.unified_diff();
    diff.context_radius(3);
    if let Some((old, new)) = header {
        diff.header(old, new);
    }
    diff.to_string()
}
