use crate::broker::BrokerState;

/// The health of a bus, for a readiness probe.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BusHealth {
    /// Whether the bus has a connection to the broker.
    pub connected: bool,
    /// What is wrong, or `None` when the bus is healthy.
    pub reason: Option<String>,
}

impl BusHealth {
    /// Returns whether the bus can publish events and receive deliveries.
    pub fn is_ready(&self) -> bool {
        self.connected && self.reason.is_none()
    }
}

impl From<BrokerState> for BusHealth {
    fn from(state: BrokerState) -> Self {
        let (connected, reason) = match state {
            BrokerState::Up => (true, None),
            BrokerState::Blocked(why) => (true, Some(format!("the broker takes no publishes: {why}"))),
            BrokerState::TopologyMissing(why) => (true, Some(why)),
            BrokerState::Down(why) => (false, Some(why)),
        };
        Self { connected, reason }
    }
}
