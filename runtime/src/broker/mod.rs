//! The seam between the runtime and its brokers: what the bus and the consumers ask of one, and nothing more.
//!
//! Two brokers stand behind it, the in-memory one and RabbitMQ, and one conformance suite holds both to it.

#[allow(dead_code)] // The faults it can pretend are for tests.
pub(crate) mod memory;
#[cfg(feature = "rabbitmq")]
pub(crate) mod rabbitmq;

use std::fmt;
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

/// A broker.
pub(crate) trait Broker: Send + Sync + 'static {
    /// Declares the exchanges, queues and bindings of `plan`. Declaring what is there already changes nothing; a queue
    /// or exchange that is there with other arguments is an error that names both values.
    fn declare<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<(), Error>>;

    /// Finds out whether the exchanges and queues of `plan` are there, and makes nothing. One that is missing, or that
    /// has other arguments, is an error; bindings cannot be looked for.
    fn verify<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<(), Error>>;

    /// Undoes a binding. One that is not there, or whose queue or exchange is not, is undone already.
    fn unbind<'a>(&'a self, binding: &'a BindingPlan) -> BoxFuture<'a, Result<(), String>>;

    /// Whether there is a queue of this name.
    fn has_queue<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<bool, String>>;

    /// How long a queue that was just declared is not to be trusted with a message.
    fn fresh_for(&self) -> Duration;

    /// Whether what is published to it is what it hands out, the very message: who makes one looks at its body then, and
    /// not each of its readers.
    fn hands_out_its_own(&self) -> bool {
        false
    }

    /// Takes a message to publish. It answers through the message's [`Confirm`], and only once it has the message in
    /// every queue that it routes to.
    fn send(&self, publish: Publish);

    /// Takes messages to publish, in their order.
    fn send_all(&self, publishes: Vec<Publish>) {
        publishes.into_iter().for_each(|publish| self.send(publish));
    }

    /// Starts to take deliveries from a queue.
    fn subscribe(&self, subscribe: Subscribe) -> BoxFuture<'_, Result<Box<dyn Subscription>, Error>>;

    /// The clock that delays run on.
    fn clock(&self) -> &Clock;

    /// Whether it can be reached, and why not.
    fn state(&self) -> BrokerState;

    /// Lets go of the broker: what was sent is confirmed or refused before.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// A message on its way to the broker.
#[derive(Debug)]
pub(crate) struct Publish {
    pub(crate) message: Arc<Message>,
    /// Whether a message that no queue takes is refused.
    pub(crate) mandatory: bool,
    /// Whether a delivery is being handled that is not settled before this is confirmed. A broker that holds back
    /// publishes for want of room takes this one all the same: the room it waits for may be that delivery's.
    pub(crate) while_handling: bool,
    pub(crate) confirm: Confirm,
}

/// Which deliveries to take, and how many at a time.
#[derive(Debug, Clone)]
pub(crate) struct Subscribe {
    pub(crate) queue: QueueSource,
    /// How many deliveries the broker hands out before one is settled.
    pub(crate) prefetch: u16,
    /// The consumer's name, for people who look at the broker.
    pub(crate) consumer: String,
    /// What is handed out alone as long as it stands first in the queue: of several that are in hand when the process
    /// ends, each looks like the one that ended it. A broker whose messages do not outlive the process need not.
    pub(crate) suspects: Option<Suspects>,
}

/// Which deliveries may end the process.
#[derive(Clone)]
pub(crate) struct Suspects(pub(crate) Arc<dyn Fn(&Incoming) -> bool + Send + Sync>);

impl fmt::Debug for Suspects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suspects").finish_non_exhaustive()
    }
}

/// Where deliveries come from.
#[derive(Debug, Clone)]
pub(crate) enum QueueSource {
    /// A queue of the plan.
    Named(Arc<str>),
    /// A server-named, exclusive, classic queue that lives as long as the subscription, bound to `exchange` by each
    /// pattern.
    Ephemeral { exchange: String, patterns: Vec<String> },
}

/// Deliveries from one queue. Dropping it closes its channel: what was not settled returns to the queue, in its old
/// place, and counts as a failed delivery.
pub(crate) trait Subscription: Send {
    /// The name of the queue.
    fn queue(&self) -> &str;

    /// The next delivery. `None` is the end: the broker cancelled it (the queue is gone) or the connection is lost.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Incoming>>;

    /// Acknowledges the delivery `tag`, or with `multiple` every unsettled one up to it.
    fn ack(&mut self, tag: u64, multiple: bool);

    /// How long an acknowledgement of several waits after the last. Each costs a broker that is elsewhere, and the way to it,
    /// as much as a delivery does.
    fn ack_spacing(&self) -> Duration {
        Duration::ZERO
    }

    /// Returns the delivery `tag` to its old place in the queue, for another consumer.
    fn requeue(&mut self, tag: u64);

    /// Writes what was settled so far. Pending while the broker does not take it.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Takes no further deliveries; those handed out stay to be settled. Deliveries already under way may still come,
    /// and after them nothing: it is not an end, which would mean that they can no longer be settled.
    fn cancel(&mut self);

    /// Ends it. Ready once the broker has heard of it, and has back what is unsettled.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Whether it was cancelled, and all that was under way then has come.
    fn is_drained(&self) -> bool;

    /// Says that `count` of the unsettled deliveries wait for the clock alone: nobody works on them, and nobody will
    /// before the clock moves. A broker with a virtual clock has settled when there is nothing else.
    fn set_waiting(&mut self, count: usize);
}

/// One message as a queue hands it out.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    /// Its number in the subscription, rising from 1.
    pub(crate) tag: u64,
    pub(crate) message: Arc<Message>,
    /// Whether it was handed out before.
    pub(crate) redelivered: bool,
    /// How often it came back without being settled (`x-delivery-count`).
    pub(crate) delivery_count: u32,
    /// Whether nothing else of its queue is in the subscription's hands.
    pub(crate) alone: bool,
}

/// How a broker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BrokerState {
    /// Connected.
    Up,
    /// Connected, and taking no publishes for the reason it gave.
    Blocked(String),
    /// Connected, and something that was declared is not there and cannot be made again.
    Troubled(String),
    /// Not connected.
    Down(String),
}
