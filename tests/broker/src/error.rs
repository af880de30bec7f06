//! What can go wrong with a private RabbitMQ.

use std::{error, fmt, io};

/// Why there is no RabbitMQ, or none that does what it was told.
///
/// Its `Debug` is its `Display`, so that `unwrap` in a test shows the log as lines.
#[non_exhaustive]
pub enum Error {
    /// There is no RabbitMQ, or what says where it is cannot be read.
    Install(String),
    /// The machine refused a file, a port or a process.
    Io {
        /// What could not be done.
        what: String,
        /// The machine's word.
        source: io::Error,
    },
    /// A node ended, or was not ready in time.
    Start {
        /// The node's name.
        node: String,
        /// What happened instead.
        why: String,
        /// The end of what the node wrote.
        log: String,
    },
    /// One of RabbitMQ's own tools failed.
    Tool {
        /// The command, as it would be typed.
        command: String,
        /// What it said.
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
