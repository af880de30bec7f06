//! A message in a queue, and the reasons for which the queue dead-letters it.

use std::sync::Arc;
use std::time::Duration;

use crate::message::Message;

/// A message in one queue. A message in two queues has two entries.
#[derive(Debug)]
pub(super) struct QueueEntry {
    /// The order of arrival in this queue.
    pub(super) position: u64,
    pub(super) message: Arc<Message>,
    pub(super) size: usize,
    /// How often a subscription ended without settling the message.
    pub(super) delivery_count: u32,
    pub(super) redelivered: bool,
    /// When the message expires. As on RabbitMQ, it expires only at the head of the queue.
    pub(super) expires: Option<Duration>,
}

/// Why a queue dead-letters a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeathReason {
    /// The message had more failed deliveries than the delivery limit.
    DeliveryLimit,
    Expired,
}

impl DeathReason {
    /// The value in RabbitMQ's headers.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::DeliveryLimit => "delivery_limit",
            Self::Expired => "expired",
        }
    }
}
