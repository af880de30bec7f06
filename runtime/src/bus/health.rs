use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::broker::{Broker, BrokerState};

/// The health of a bus, for a readiness probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BusHealth {
    /// Whether the bus has a connection to the broker.
    pub connected: bool,
    /// What is wrong, or `None` when the bus is healthy.
    pub reason: Option<String>,
    /// How long the oldest publish has waited for the broker's confirm, checked each second. After ten seconds the bus
    /// is not ready. `None` when no publish waits, and on the in-memory broker.
    #[serde(rename = "oldest_publish_seconds", serialize_with = "in_seconds")]
    pub oldest_publish: Option<Duration>,
}

impl BusHealth {
    /// Returns whether the bus can publish events and receive deliveries.
    pub fn is_ready(&self) -> bool {
        self.connected && self.reason.is_none()
    }
}

impl BusHealth {
    pub(super) fn of(broker: &dyn Broker) -> Self {
        let (connected, reason) = match broker.state() {
            BrokerState::Up => (true, None),
            BrokerState::Blocked(why) => (true, Some(format!("the broker takes no publishes: {why}"))),
            BrokerState::TopologyMissing(why) | BrokerState::Unconfirmed(why) => (true, Some(why)),
            BrokerState::Down(why) => (false, Some(why)),
        };
        Self {
            connected,
            reason,
            oldest_publish: broker.oldest_publish(),
        }
    }
}

#[allow(clippy::ref_option)] // The signature is serde's.
fn in_seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration
        .map(|duration| duration.as_secs_f64())
        .serialize(serializer)
}
