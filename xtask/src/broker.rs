//! The brokers that suites run on.

use std::process::Command;

/// What carries the events while a suite runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broker {
    /// The suite needs no broker.
    None,
    /// The in-memory broker; nothing to start.
    Memory,
}

impl Broker {
    /// The name in the table, and in the variable that tells the tests.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "-",
            Self::Memory => "memory",
        }
    }

    /// Tells a command which broker its tests run on.
    pub(crate) fn tell(self, command: &mut Command) {
        // Whatever broker the caller's shell points at, no test may run against it.
        command.env_remove("TIDINGS_URL");
        match self {
            Self::None => command.env_remove("TIDINGS_TEST_BROKER"),
            Self::Memory => command.env("TIDINGS_TEST_BROKER", self.name()),
        };
    }
}
