//! A delivery that its session has not settled.

use std::time::Duration;

use crate::handler::delivery::Delivery;
use crate::wire::origin::{AttemptNumber, Origin};

#[derive(Debug, Clone)]
pub(crate) struct PendingDelivery {
    /// The delivery tag, which rises by one within a subscription.
    pub(crate) tag: u64,
    /// The index of its handler among the handlers of the queue.
    pub(crate) handler: usize,
    pub(crate) origin: Origin,
    pub(crate) delivery: Delivery,
    /// How many of its attempts do not count towards the maximum.
    pub(crate) uncounted: u32,
    /// The broker's count of its returns, if it was ever returned unsettled.
    pub(crate) returns: Option<u32>,
    /// The total time it has waited in this session for retries.
    pub(crate) waited: Duration,
}

impl PendingDelivery {
    /// Whether the broker redelivered it and no attempt of this session has run since.
    pub(crate) fn is_untried_redelivery(&self) -> bool {
        self.delivery.redelivered() && self.delivery.attempt() == self.origin.attempt.number
    }

    pub(crate) fn attempt_number(&self) -> AttemptNumber {
        AttemptNumber {
            number: self.delivery.attempt(),
            uncounted: self.uncounted,
        }
    }

    /// The key by which an ordered handler keeps the order: the aggregate id, or the event's id when there is none.
    pub(crate) fn order_key(&self) -> &str {
        match self.delivery.aggregate_id() {
            "" => self.delivery.id(),
            aggregate => aggregate,
        }
    }
}
