//! A delivery in the hands of a consumer: where it came from, and what it has been through here.

use std::time::Duration;

use crate::handler::delivery::Delivery;
use crate::wire::origin::Origin;

/// A delivery that is not settled yet.
#[derive(Debug, Clone)]
pub(crate) struct PendingDelivery {
    /// Its number in the subscription.
    pub(crate) tag: u64,
    /// Which of the queue's handlers takes it.
    pub(crate) handler: usize,
    pub(crate) origin: Origin,
    pub(crate) delivery: Delivery,
    /// How often it came back by the broker's count, if it came back at all.
    pub(crate) came_back: Option<u32>,
    /// How long it has waited in its place for retries.
    pub(crate) waited: Duration,
}

impl PendingDelivery {
    /// Whether it came back, and has not been tried since. It may have been tried before.
    pub(crate) fn is_back(&self) -> bool {
        self.delivery.redelivered() && self.delivery.attempt() == self.origin.attempt
    }

    /// The lane it stands in: its aggregate, or a lane of its own when it names none.
    pub(crate) fn lane(&self) -> &str {
        match self.delivery.aggregate_id() {
            "" => self.delivery.id(),
            aggregate => aggregate,
        }
    }
}
