//! How a running app is, for readiness probes and for people.

use std::fmt;

use crate::bus::BusHealth;

/// How a running app is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The bus it runs on.
    pub bus: BusHealth,
    /// Its handlers, in the order they were registered.
    pub handlers: Vec<HandlerHealth>,
}

impl Health {
    /// Whether the bus is connected and every handler takes deliveries or is paused on purpose.
    pub fn is_ready(&self) -> bool {
        self.bus.is_ready() && self.handlers.iter().all(HandlerHealth::is_ready)
    }

    /// The handler of this name.
    pub fn handler(&self, name: &str) -> Option<&HandlerHealth> {
        self.handlers.iter().find(|handler| handler.name == name)
    }
}

/// How one handler is, and what became of its deliveries since the app started.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerHealth {
    /// Its name.
    pub name: &'static str,
    /// Its queue.
    pub queue: String,
    /// Whether it takes deliveries.
    pub state: HandlerState,
    /// What keeps its deliveries from being settled, if anything does.
    pub trouble: Option<String>,
    /// How many deliveries were handled.
    pub handled: u64,
    /// How many attempts were put off to a later one.
    pub retried: u64,
    /// How many deliveries were given up on.
    pub dead_lettered: u64,
    /// How many deliveries were of types that it does not declare.
    pub ignored: u64,
}

impl HandlerHealth {
    /// Whether it takes deliveries, or is paused on purpose, and nothing keeps them from being settled.
    pub fn is_ready(&self) -> bool {
        matches!(self.state, HandlerState::Running | HandlerState::Paused) && self.trouble.is_none()
    }
}

/// Whether a handler takes deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandlerState {
    /// It is about to.
    Starting,
    /// It does.
    Running,
    /// It was paused, by the app or by a dead letter.
    Paused,
    /// Every attempt of late failed; it probes from time to time.
    BreakerOpen,
    /// It is not subscribed, for this reason; it tries again.
    Failing(String),
    /// The app has ended.
    Stopped,
}

impl fmt::Display for HandlerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Running => f.write_str("running"),
            Self::Paused => f.write_str("paused"),
            Self::BreakerOpen => f.write_str("breaker open"),
            Self::Failing(why) => write!(f, "failing: {why}"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}
