//! The errors of private nodes.

use std::{error, fmt, io};

/// Why a private RabbitMQ cannot be used.
///
/// Its `Debug` text is its `Display` text, so that `unwrap` in a test prints the log as lines.
#[non_exhaustive]
pub enum Error {
    /// There is no RabbitMQ, or the variable that locates it cannot be parsed.
    Install(String),
    /// An operation on a file, a port or a process failed.
    Io {
        /// What failed.
        what: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A node exited or was not ready in time.
    Start {
        /// The name of the node.
        node: String,
        /// Why it did not start.
        why: String,
        /// The end of its log.
        log: String,
    },
    /// A command of RabbitMQ failed.
    Tool {
        /// The command line.
        command: String,
        /// Its output.
        output: String,
    },
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Install(why) => f.write_str(why),
            Self::Io { what, .. } => write!(f, "cannot {what}"),
            Self::Start { node, why, log } => {
                write!(f, "cannot start node `{node}`: {why}; its log ends:\n{log}")
            }
            Self::Tool { command, output } => write!(f, "`{command}` failed: {}", output.trim()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        match self {
            Self::Io { source, .. } => write!(f, ": {source}"),
            _ => Ok(()),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
