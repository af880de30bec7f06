//! The two forms of the suite `faults`.

use std::process::Command;

/// How much the faults suite does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// For every change.
    Short,
    /// For the tables of the documentation: most of an hour for each broker.
    Full,
}

impl Form {
    /// The factor for the time limit of a test.
    pub(crate) fn time_limits(self) -> u32 {
        match self {
            Self::Short => 1,
            Self::Full => 18,
        }
    }

    /// Passes the form on to a cargo command.
    pub(crate) fn set(self, command: &mut Command) {
        match self {
            Self::Short => command.env_remove(FAULTS),
            // An unoptimized build cannot handle thousands of events a second.
            Self::Full => command.env(FAULTS, "full").arg("--release"),
        };
    }
}

/// The environment variable that names the form.
const FAULTS: &str = "TIDINGS_TEST_FAULTS";
