//! The health of a running app, for readiness probes and dashboards.

use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::bus::BusHealth;

/// The health of a running app: its bus and its handlers.
///
/// serde writes it with the member `ready`, for a probe that answers with JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The bus that the app runs on.
    pub bus: BusHealth,
    /// The handlers, in the order of registration.
    pub handlers: Vec<HandlerHealth>,
}

impl Health {
    /// Returns whether the bus is healthy and every handler is [ready](HandlerHealth::is_ready).
    pub fn is_ready(&self) -> bool {
        self.bus.is_ready() && self.handlers.iter().all(HandlerHealth::is_ready)
    }

    /// Returns the health of the handler with this name.
    pub fn handler(&self, name: &str) -> Option<&HandlerHealth> {
        self.handlers.iter().find(|handler| handler.name == name)
    }
}

impl Serialize for Health {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut health = serializer.serialize_struct("Health", 3)?;
        health.serialize_field("ready", &self.is_ready())?;
        health.serialize_field("bus", &self.bus)?;
        health.serialize_field("handlers", &self.handlers)?;
        health.end()
    }
}

/// The health of one handler, with counts since the start of the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HandlerHealth {
    /// The name of the handler.
    pub name: &'static str,
    /// The name of its queue.
    pub queue: String,
    /// Whether the handler receives deliveries.
    pub state: HandlerState,
    /// Why its deliveries cannot be settled, or `None` when they can.
    pub trouble: Option<String>,
    /// Why the broker last ended the handler's subscription, or `None` if it never did. The runtime subscribes again by
    /// itself, so the handler may be running.
    pub last_end: Option<String>,
    /// The number of deliveries that were handled.
    pub handled: u64,
    /// The number of retries that were scheduled.
    pub retried: u64,
    /// The number of deliveries that were dead-lettered.
    pub dead_lettered: u64,
    /// The number of deliveries that were ignored because the handler does not declare their event type.
    pub ignored: u64,
    /// How often a delivery was set aside, because it returned several times and may end its process.
    pub set_aside: u64,
}

impl HandlerHealth {
    /// Returns whether the handler is running, or paused on purpose, and its deliveries can be settled.
    pub fn is_ready(&self) -> bool {
        matches!(self.state, HandlerState::Running | HandlerState::Paused) && self.trouble.is_none()
    }
}

/// Whether a handler receives deliveries.
///
/// serde writes `{"name":"running"}`, and for [`Failing`](Self::Failing) also the member `reason`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "name", content = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum HandlerState {
    /// The handler is about to subscribe to its queue.
    Starting,
    /// The handler receives deliveries.
    Running,
    /// The handler is paused: by [`RunningApp::pause`](crate::RunningApp::pause), or by its option
    /// `on_dead_letter = "pause"`.
    Paused,
    /// The breaker is open because the recent attempts failed. The handler receives a few deliveries as probes.
    BreakerOpen,
    /// The handler is not subscribed, for this reason. The runtime subscribes again by itself.
    Failing(String),
    /// The app has stopped.
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
