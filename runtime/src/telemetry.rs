//! What is counted, measured and logged, and under which names.
//!
//! The names of spans and metrics are OpenTelemetry's for messaging where it has one
//! (<https://opentelemetry.io/docs/specs/semconv/messaging/>), and start with `tidings.` where it has none. Metrics go
//! to the `metrics` facade: whoever installs a recorder gets them, and without one they cost next to nothing.

use std::time::Duration;

use metrics::{Key, Label, Level, Metadata, counter, gauge, with_recorder};

use crate::consume::outcome::Outcome;
use crate::consume::settle::Settler;
use crate::event::DomainEvent;
use crate::handler::delivery::Delivery;
use crate::message::reason::Reason;

const SENT: &str = "messaging.client.sent.messages";
const CONSUMED: &str = "messaging.client.consumed.messages";
const PROCESS_DURATION: &str = "messaging.process.duration";
const RETRIED: &str = "tidings.retried";
const SET_ASIDE: &str = "tidings.set_aside";
const DEAD_LETTERED: &str = "tidings.dead_lettered";
const IGNORED: &str = "tidings.ignored";
const ORPHANED: &str = "tidings.orphaned";
const BREAKER_OPEN: &str = "tidings.breaker.open";
const SUBSCRIPTIONS_LOST: &str = "tidings.subscriptions.lost";
const GAPS: &str = "tidings.ephemeral.gaps";
const RECYCLED: &str = "tidings.recycled";
#[cfg(feature = "rabbitmq")]
const CONNECTIONS_LOST: &str = "tidings.connections.lost";
#[cfg(feature = "rabbitmq")]
const RESENT: &str = "tidings.resent";
#[cfg(feature = "rabbitmq")]
const STALE_ACKS: &str = "tidings.acks.stale";

/// What is counted for every event has its name and labels put together once. Its counter is asked for each time all
/// the same: who records may be installed after the first event, or for one thread alone.
const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

fn count(key: &Key) {
    with_recorder(|recorder| recorder.register_counter(key, &METADATA)).increment(1);
}

/// The labels of publishes of one event type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent(Option<&'static [Label]>);

impl Sent {
    /// Of a type that is known to the compiler: they are there before the program starts.
    pub(crate) const fn of<E: DomainEvent>() -> Self {
        Self(Some(<Labels<E>>::SENT))
    }

    /// Of a type that only the event knows.
    pub(crate) const fn other() -> Self {
        Self(None)
    }
}

struct Labels<E>(std::marker::PhantomData<E>);

impl<E: DomainEvent> Labels<E> {
    const SENT: &'static [Label] = &[Label::from_static_parts("tidings.event.type", E::TYPE)];
}

/// What is counted and measured for every delivery of a handler.
#[derive(Debug)]
pub(crate) struct Processed {
    done: Key,
    failed: Key,
}

impl Processed {
    pub(crate) fn by(handler: &'static str) -> Self {
        let key = |error: &'static str| {
            let labels = [("tidings.handler", handler), ("error.type", error)];
            Key::from_parts(PROCESS_DURATION, labels.as_slice())
        };
        Self {
            done: key(""),
            failed: key("failed"),
        }
    }
}

/// What is counted for every delivery from a queue.
#[derive(Debug)]
pub(crate) struct Received(Key);

impl Received {
    pub(crate) fn from(queue: &str) -> Self {
        let label = Label::new("messaging.destination.name", queue.to_owned());
        Self(Key::from_parts(CONSUMED, vec![label]))
    }

    /// A delivery came.
    pub(crate) fn one(&self) {
        count(&self.0);
    }
}

/// The broker confirmed an event.
pub(crate) fn published(event_type: &str, sent: Sent) {
    match sent.0 {
        Some(labels) => count(&Key::from_static_parts(SENT, labels)),
        None => counter!(SENT, "tidings.event.type" => event_type.to_owned()).increment(1),
    }
}

/// The broker did not confirm an event.
pub(crate) fn publish_failed(event_type: &str, error: &dyn std::fmt::Display, maybe_delivered: bool) {
    tracing::warn!(event_type, maybe_delivered, %error, "publish failed");
    counter!(SENT, "tidings.event.type" => event_type.to_owned(), "error.type" => "unconfirmed").increment(1);
}

/// A handler has run.
pub(crate) fn processed(by: &Processed, delivery: &Delivery, outcome: &Outcome, took: Duration) {
    let key = if outcome.is_done() { &by.done } else { &by.failed };
    with_recorder(|recorder| recorder.register_histogram(key, &METADATA)).record(took.as_secs_f64());
    tracing::debug!(
        handler = delivery.handler(),
        event_type = delivery.event_type(),
        event_id = delivery.id(),
        correlation_id = delivery.correlation_id(),
        attempt = delivery.attempt(),
        done = outcome.is_done(),
        "processed"
    );
}

/// A delivery is to be tried again.
pub(crate) fn retried(case: &Settler, delay: Duration, error: &str) {
    let handler = case.worker.name();
    counter!(RETRIED, "tidings.handler" => handler).increment(1);
    let error = case.redacted(error);
    tracing::warn!(handler, attempt = case.attempt, ?delay, "to be retried: {error}");
}

/// A delivery was given up on.
pub(crate) fn dead_lettered(case: &Settler, reason: Reason, error: &str) {
    let handler = case.worker.name();
    counter!(DEAD_LETTERED, "tidings.handler" => handler, "tidings.reason" => reason.as_str()).increment(1);
    let error = case.redacted(error);
    tracing::error!(
        handler,
        attempt = case.attempt,
        reason = reason.as_str(),
        "dead-lettered: {error}"
    );
}

/// A delivery was acknowledged without a handler.
pub(crate) fn ignored(handler: &'static str) {
    counter!(IGNORED, "tidings.handler" => handler).increment(1);
}

/// A message of a retired queue was moved to the orphans.
pub(crate) fn orphaned(queue: &str) {
    counter!(ORPHANED, "messaging.destination.name" => queue.to_owned()).increment(1);
}

/// A breaker opened or closed.
pub(crate) fn breaker(handler: &'static str, open: bool) {
    gauge!(BREAKER_OPEN, "tidings.handler" => handler).set(if open { 1.0 } else { 0.0 });
    if open {
        tracing::error!(
            handler,
            "every attempt of late failed; the breaker is open and probes"
        );
    } else {
        tracing::info!(handler, "a probe succeeded; the breaker is closed");
    }
}

/// A delivery that may end its process was set aside, to be tried alone.
pub(crate) fn set_aside(handler: &'static str, queue: &str) {
    counter!(SET_ASIDE, "tidings.handler" => handler).increment(1);
    tracing::warn!(
        handler,
        queue,
        "a delivery came back unsettled again; set aside, to be tried alone"
    );
}

/// The broker ended a subscription.
pub(crate) fn subscription_lost(queue: &str) {
    counter!(SUBSCRIPTIONS_LOST, "messaging.destination.name" => queue.to_owned()).increment(1);
}

/// An ephemeral queue was lost: what was published until there is a new one is missed.
pub(crate) fn gap(queue: &str) {
    counter!(GAPS, "messaging.destination.name" => queue.to_owned()).increment(1);
}

/// A consumer started over since it held a delivery too long.
pub(crate) fn recycled(queue: &str) {
    counter!(RECYCLED, "messaging.destination.name" => queue.to_owned()).increment(1);
}

/// A connection was lost.
#[cfg(feature = "rabbitmq")]
pub(crate) fn connection_lost(purpose: &'static str, why: &str) {
    tracing::warn!(purpose, "the connection was lost: {why}");
    counter!(CONNECTIONS_LOST, "tidings.purpose" => purpose).increment(1);
}

/// Publishes whose channel was lost before their confirms came are sent again.
#[cfg(feature = "rabbitmq")]
pub(crate) fn resent(count: usize) {
    counter!(RESENT).increment(count as u64);
}

/// Acknowledgements found their channel gone: the broker hands those deliveries out again.
#[cfg(feature = "rabbitmq")]
pub(crate) fn stale_acks(queue: &str, count: usize) {
    tracing::debug!(queue, count, "acknowledgements went nowhere");
    counter!(STALE_ACKS, "messaging.destination.name" => queue.to_owned()).increment(count as u64);
}
