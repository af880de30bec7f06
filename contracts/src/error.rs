use std::path::PathBuf;
use std::{fmt, io};

use crate::check::drift::Drift;
use crate::check::environment::InvalidVariable;
use crate::check::outdated::Outdated;
use crate::topology::finding::TopologyFinding;

/// The result of work with contract files.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of contract files: a file is unusable, or its content differs from the code.
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read.
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A text is not a contract.
    Malformed {
        /// What is wrong with the text.
        reason: String,
    },
    /// The file `waivers.toml` is not valid.
    MalformedWaivers {
        /// The file.
        path: PathBuf,
        /// What is wrong with the file.
        reason: String,
    },
    /// A file is not a contract.
    MalformedFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with the file.
        reason: String,
    },
    /// `TIDINGS_CONTRACTS` has a value other than `write`.
    Variable {
        /// The value.
        value: String,
    },
    /// The event types in the code differ from the contracts.
    Drift(Box<Drift>),
    /// A part of the topology has vanished or changed.
    Topology(Vec<TopologyFinding>),
    /// A generated file is out of date.
    Outdated(Outdated),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, .. } => write!(f, "cannot read `{}`", path.display()),
            Self::Write { path, .. } => write!(f, "cannot write `{}`", path.display()),
            Self::Malformed { reason } => write!(f, "not a contract: {reason}"),
            Self::MalformedWaivers { path, reason } => {
                write!(f, "cannot read the waivers in `{}`: {reason}", path.display())
            }
            Self::MalformedFile { path, reason } => {
                write!(f, "`{}` is not a contract: {reason}", path.display())
            }
            Self::Variable { value } => write!(
                f,
                "`TIDINGS_CONTRACTS` is `{value}`; write TIDINGS_CONTRACTS=write to accept what changed, or leave it unset"
            ),
            Self::Drift(drift) => write!(f, "{drift}"),
            Self::Topology(findings) => {
                f.write_str("the topology differs from the committed one")?;
                findings
                    .iter()
                    .try_for_each(|finding| write!(f, "\n  - {finding}"))
            }
            Self::Outdated(outdated) => outdated.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<InvalidVariable> for Error {
    fn from(InvalidVariable(value): InvalidVariable) -> Self {
        Self::Variable { value }
    }
}

// `unwrap` in a test prints the `Debug` form.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_sources(self))
    }
}

/// Returns the messages of an error and of its sources.
pub(crate) fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
