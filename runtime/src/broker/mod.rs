//! The interface between the runtime and a broker.
//!
//! The in-memory broker and RabbitMQ implement the interface, and both pass the same conformance suite.

#[allow(dead_code)] // Only tests inject faults.
pub(crate) mod memory;
#[cfg(feature = "rabbitmq")]
pub(crate) mod rabbitmq;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::bus::confirm::Confirm;
use crate::clock::Clock;
use crate::error::Error;
use crate::message::Message;
use crate::topology::{BindingPlan, Plan};

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(crate) trait Broker: Send + Sync + 'static {
    /// Declares the exchanges, queues and bindings of `plan` that do not exist. If a queue or exchange exists with
    /// other arguments, the error names both values.
    fn declare<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<(), Error>>;

    /// Checks that the exchanges and queues of `plan` exist, and creates nothing. It is an error if one is missing or
    /// has other arguments. AMQP has no way to check a binding.
    fn verify<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<(), Error>>;

    /// Removes a binding. It is no error if the binding, its queue or its exchange does not exist.
    fn unbind<'a>(&'a self, binding: &'a BindingPlan) -> BoxFuture<'a, Result<(), String>>;

    fn has_queue<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<bool, String>>;

    /// How long after its declaration a queue can still lose confirmed messages.
    fn fresh_for(&self) -> Duration;

    /// The size in bytes of the largest frame. The headers of a message must fit into one frame.
    fn frame_max(&self) -> u32 {
        131_072
    }

    /// Whether the broker delivers the published [`Message`] itself instead of a copy from the wire. The publisher then
    /// checks the body once, and the consumers do not check it again.
    fn delivers_published_message(&self) -> bool {
        false
    }

    /// Publishes a message. The broker resolves the message's [`Confirm`] when every queue that the message is routed
    /// to has the message.
    fn send(&self, publish: Publish);

    /// Publishes messages in their order.
    fn send_all(&self, publishes: Vec<Publish>) {
        publishes.into_iter().for_each(|publish| self.send(publish));
    }

    fn subscribe(&self, subscribe: Subscribe) -> BoxFuture<'_, Result<Box<dyn Subscription>, Error>>;

    /// The clock that retry delays use.
    fn clock(&self) -> &Clock;

    fn state(&self) -> BrokerState;

    /// How long the oldest publish has waited for its confirm. A broker that confirms at once has none.
    fn oldest_publish(&self) -> Option<Duration> {
        None
    }

    /// Closes the broker after every message that was sent is confirmed or refused.
    fn close(&self) -> BoxFuture<'_, ()>;
}

#[derive(Debug)]
pub(crate) struct Publish {
    pub(crate) message: Arc<Message>,
    /// Whether a message that is routed to no queue is refused.
    pub(crate) mandatory: bool,
    /// Whether an unsettled delivery waits for this publish. A broker that delays publishes while its queues are full
    /// accepts this publish at once, because only the delivery may free space.
    pub(crate) while_handling: bool,
    pub(crate) confirm: Confirm,
}

#[derive(Clone)]
pub(crate) struct Subscribe {
    pub(crate) queue: QueueSource,
    /// The largest number of unsettled deliveries.
    pub(crate) prefetch: u16,
    /// Whether the broker gives the queue to the next consumer as soon as this one is cancelled.
    pub(crate) single_active: bool,
    /// The consumer tag, which operators see at the broker.
    pub(crate) consumer: String,
    /// The messages that are delivered one at a time while they are at the head of the queue. If the process crashes
    /// with several unsettled deliveries, each of them could be the cause. A broker that loses its messages with the
    /// process ignores this field.
    pub(crate) suspects: Option<Suspects>,
}

/// Decides whether a delivery may be the cause of a crash.
#[derive(Clone)]
pub(crate) struct Suspects(pub(crate) Arc<dyn Fn(&Incoming) -> bool + Send + Sync>);

#[derive(Debug, Clone)]
pub(crate) enum QueueSource {
    Named(Arc<str>),
    /// A server-named, exclusive, classic queue that is bound to `exchange` by each pattern. The queue is deleted with
    /// its subscription.
    Ephemeral {
        exchange: String,
        patterns: Vec<String>,
    },
}

/// Deliveries from one queue. Dropping a subscription closes its channel. The unsettled deliveries then return to their
/// old positions in the queue, and each counts as a failed delivery.
pub(crate) trait Subscription: Send {
    fn queue(&self) -> &str;

    /// The next delivery. `None` means that the broker cancelled the consumer (the queue was deleted), or that the
    /// connection is lost.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>>;

    /// Why the subscription ended, after [`poll_next`](Self::poll_next) returned `None`. A broker that cancels a consumer
    /// gives no reason.
    fn end_reason(&self) -> Option<String> {
        None
    }

    /// Acks the delivery `tag`, or with `multiple` every unsettled delivery up to `tag`.
    fn ack(&mut self, tag: u64, multiple: bool);

    /// The shortest time between two acks with `multiple`. On a remote broker an ack costs as much as a delivery.
    fn ack_spacing(&self) -> Duration {
        Duration::ZERO
    }

    /// Returns the delivery `tag` to its old position in the queue.
    fn requeue(&mut self, tag: u64);

    /// Writes the queued acks and requeues. Pending until the connection has written them.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Ready when the broker has applied every ack that was flushed, so that none is lost with the channel. The result
    /// is a message that the subscription had to receive and return for this.
    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<Option<Arc<Message>>>;

    /// Cancels the consumer. Deliveries that the broker sent before may still arrive, and all can still be settled.
    /// After the last delivery [`poll_next`](Self::poll_next) is pending, because `None` would mean a lost channel.
    fn cancel(&mut self);

    /// Closes the channel. Ready when the broker has the unsettled deliveries back.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Sets how many unsettled deliveries wait only for the clock. A broker with a virtual clock is idle when no other
    /// deliveries are left.
    fn set_waiting(&mut self, count: usize);
}

/// The reason when a delivery was unacknowledged for longer than the broker allows.
pub(crate) fn acknowledgement_timed_out(after: Duration) -> String {
    format!(
        "delivery acknowledgement timed out after {} s; raise `consumer_timeout` on the broker, or lower the handler's \
         `timeout`",
        after.as_secs()
    )
}

/// A message as the broker delivers it.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    /// The delivery tag: the number of the delivery in its subscription, from 1.
    pub(crate) tag: u64,
    pub(crate) message: Arc<Message>,
    pub(crate) redelivered: bool,
    /// How often the message returned to its queue unsettled (`x-delivery-count`).
    pub(crate) delivery_count: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BrokerState {
    Up,
    /// Connected, but the broker accepts no publishes, for this reason.
    Blocked(String),
    /// Connected, but part of the declared topology is missing and cannot be declared again.
    TopologyMissing(String),
    /// Connected, but a publish has waited too long for its confirm.
    Unconfirmed(String),
    /// Not connected, for this reason.
    Down(String),
}
