//! What can go wrong with the files themselves, before anything is compared.

use std::path::PathBuf;
use std::{fmt, io};

/// The result of working on contract files.
pub type Result<T> = std::result::Result<T, Error>;

/// Why contract files cannot be used.
#[derive(Debug)]
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
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => Some(source),
            Self::Malformed { .. } | Self::MalformedFile { .. } | Self::MalformedWaivers { .. } => None,
        }
    }
}
