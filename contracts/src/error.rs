//! What can go wrong with the files themselves, before anything is compared.

use std::path::PathBuf;
use std::{fmt, io};

use crate::check::drift::Drift;
use crate::check::environment::InvalidVariable;
use crate::check::outdated::Outdated;
use crate::topology::finding::TopologyFinding;

/// The result of working on contract files.
pub type Result<T> = std::result::Result<T, Error>;

/// Why contract files cannot be used, or do not hold.
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read.
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A text is no contract.
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// A file of waivers says what none may say.
    MalformedWaivers {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is no contract.
    MalformedFile {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// `TIDINGS_CONTRACTS` holds what it cannot.
    Variable {
        /// What it holds.
        value: String,
    },
    /// The code and the contracts say different things.
    Drift(Box<Drift>),
    /// Something that a service had on the broker vanished or changed.
    Topology(Vec<TopologyFinding>),
    /// A committed document is another one by now.
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
                f.write_str("the topology is not what was committed")?;
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

// A test says `unwrap`, which shows this form: it must be as good as the other.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
