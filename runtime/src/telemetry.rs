//! Metrics and log events, and their names.
//!
//! Names follow OpenTelemetry's conventions for messaging where they cover a case
//! (<https://opentelemetry.io/docs/specs/semconv/messaging/>) and start with `tidings.` otherwise. Metrics go to the
//! `metrics` facade: they cost next to nothing until the service installs a recorder.

use std::fmt::Display;
use std::time::Duration;

use crate::message::shown::{shown, shown_error};
use metrics::{Key, Label, Level, Metadata, counter, gauge, with_recorder};

const SENT: &str = "messaging.client.sent.messages";
const CONSUMED: &str = "messaging.client.consumed.messages";
const PROCESS_DURATION: &str = "messaging.process.duration";
const RETRIED: &str = "tidings.retried";
const SET_ASIDE: &str = "tidings.set_aside";
const DEAD_LETTERED: &str = "tidings.dead_lettered";
const IGNORED: &str = "tidings.ignored";
const ORPHANED: &str = "tidings.orphaned";
const BLOCKED: &str = "tidings.handler.blocked";
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

/// The facade's macros build the key at each call, so counters on the hot path keep their key. The counter itself is
/// looked up at each event, because a recorder may be installed late or for one thread only.
const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

fn count(key: &Key) {
    with_recorder(|recorder| recorder.register_counter(key, &METADATA)).increment(1);
}

/// The metric labels of an event type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventLabels(Option<&'static [Label]>);

impl EventLabels {
    /// Labels that the compiler built, for a type that the program declares.
    pub(crate) const fn declared(labels: &'static [Label]) -> Self {
        Self(Some(labels))
    }

    /// No prebuilt labels, for a type that the program does not declare.
    pub(crate) const fn undeclared() -> Self {
        Self(None)
    }

    pub(crate) const fn label(event_type: &'static str) -> Label {
        Label::from_static_parts("tidings.event.type", event_type)
    }
}

/// The delivery that a log event is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeliveryFields<'a> {
    pub(crate) service: &'a str,
    pub(crate) handler: &'static str,
    pub(crate) queue: &'a str,
    pub(crate) event_type: &'a str,
    pub(crate) event_id: &'a str,
    pub(crate) correlation_id: &'a str,
    pub(crate) attempt: u32,
}

macro_rules! log_delivery {
    ($level:ident, $delivery:ident, $($fields:tt)+) => {
        tracing::$level!(
            service = $delivery.service,
            handler = $delivery.handler,
            queue = $delivery.queue,
            event_type = %shown($delivery.event_type),
            event_id = %shown($delivery.event_id),
            correlation_id = %shown($delivery.correlation_id),
            attempt = $delivery.attempt,
            $($fields)+
        )
    };
}

/// Metrics of each attempt of a handler.
#[derive(Debug)]
pub(crate) struct HandlerMetrics {
    done: Key,
    failed: Key,
}

impl HandlerMetrics {
    pub(crate) fn new(handler: &'static str) -> Self {
        let key = |error: &'static str| {
            let labels = [("tidings.handler", handler), ("error.type", error)];
            Key::from_parts(PROCESS_DURATION, labels.as_slice())
        };
        Self {
            done: key(""),
            failed: key("failed"),
        }
    }

    pub(crate) fn processed(&self, delivery: DeliveryFields<'_>, done: bool, took: Duration) {
        let key = if done { &self.done } else { &self.failed };
        with_recorder(|recorder| recorder.register_histogram(key, &METADATA)).record(took.as_secs_f64());
        log_delivery!(debug, delivery, done, "processed");
    }
}

/// Metrics of each delivery from a queue.
#[derive(Debug)]
pub(crate) struct QueueMetrics(Key);

impl QueueMetrics {
    pub(crate) fn new(queue: &str) -> Self {
        let label = Label::new("messaging.destination.name", queue.to_owned());
        Self(Key::from_parts(CONSUMED, vec![label]))
    }

    pub(crate) fn received(&self) {
        count(&self.0);
    }
}

/// The broker confirmed an event.
pub(crate) fn published(event_type: &str, labels: EventLabels) {
    match labels.0 {
        Some(labels) => count(&Key::from_static_parts(SENT, labels)),
        None => counter!(SENT, "tidings.event.type" => event_type.to_owned()).increment(1),
    }
}

/// The broker did not confirm an event.
pub(crate) fn publish_failed(event_type: &str, error: &dyn Display, maybe_delivered: bool) {
    let error = error.to_string();
    tracing::warn!(
        event_type = %shown(event_type),
        maybe_delivered,
        error = %shown_error(&error),
        "publish failed"
    );
    counter!(SENT, "tidings.event.type" => event_type.to_owned(), "error.type" => "unconfirmed").increment(1);
}

/// An attempt failed and another one follows after `delay`.
pub(crate) fn retry_scheduled(delivery: DeliveryFields<'_>, delay: Duration, error: &str) {
    counter!(RETRIED, "tidings.handler" => delivery.handler).increment(1);
    log_delivery!(warn, delivery, ?delay, error = %shown_error(error), "retry scheduled");
}

pub(crate) fn dead_lettered(delivery: DeliveryFields<'_>, reason: &'static str, error: &str) {
    counter!(DEAD_LETTERED, "tidings.handler" => delivery.handler, "tidings.reason" => reason).increment(1);
    log_delivery!(error, delivery, reason, error = %shown_error(error), "dead-lettered");
}

/// A suspect delivery was moved to a delay queue, so that it runs in a trial later.
pub(crate) fn set_aside(delivery: DeliveryFields<'_>, returns: u32) {
    counter!(SET_ASIDE, "tidings.handler" => delivery.handler).increment(1);
    log_delivery!(warn, delivery, returns, "suspect delivery set aside");
}

/// A delivery was acknowledged without a handler, because no handler declares its type.
pub(crate) fn ignored(handler: &'static str) {
    counter!(IGNORED, "tidings.handler" => handler).increment(1);
}

/// A message of a retired queue was moved to the orphans queue.
pub(crate) fn orphaned(queue: &str) {
    counter!(ORPHANED, "messaging.destination.name" => queue.to_owned()).increment(1);
}

/// A handler did not await anything for a long time.
pub(crate) fn handler_blocked(handler: &'static str, blocked_for: Duration) {
    counter!(BLOCKED, "tidings.handler" => handler).increment(1);
    tracing::warn!(
        handler,
        ?blocked_for,
        "handler blocked its thread; use `tidings::spawn_blocking` for blocking work"
    );
}

/// Every recent attempt of a handler failed.
pub(crate) fn breaker_opened(handler: &'static str, failures: usize, next_probe: Duration) {
    gauge!(BREAKER_OPEN, "tidings.handler" => handler).set(1.0);
    tracing::error!(handler, failures, ?next_probe, "breaker opened");
}

/// A probe of a handler succeeded.
pub(crate) fn breaker_closed(handler: &'static str) {
    gauge!(BREAKER_OPEN, "tidings.handler" => handler).set(0.0);
    tracing::info!(handler, "breaker closed");
}

pub(crate) fn consumer_cancelled(queue: &str, error: &str) {
    counter!(SUBSCRIPTIONS_LOST, "messaging.destination.name" => queue.to_owned()).increment(1);
    tracing::warn!(queue, error, "consumer cancelled by the broker");
}

/// An ephemeral queue was lost. The handler misses the events that are published before the next subscription.
pub(crate) fn ephemeral_gap(queue: &str) {
    counter!(GAPS, "messaging.destination.name" => queue.to_owned()).increment(1);
}

/// A consumer gave up its subscription because a delivery stayed unsettled for longer than `limit`.
pub(crate) fn session_recycled(queue: &str, limit: Duration) {
    counter!(RECYCLED, "messaging.destination.name" => queue.to_owned()).increment(1);
    tracing::warn!(
        queue,
        ?limit,
        "consumer restarted: a delivery stayed unsettled too long"
    );
}

#[cfg(feature = "rabbitmq")]
pub(crate) fn connection_lost(purpose: &'static str, error: &str) {
    counter!(CONNECTIONS_LOST, "tidings.purpose" => purpose).increment(1);
    tracing::warn!(purpose, error = %shown_error(error), "connection lost");
}

/// Publishes whose channel was lost before their confirms arrived are sent again.
#[cfg(feature = "rabbitmq")]
pub(crate) fn resent(count: usize) {
    counter!(RESENT).increment(count as u64);
}

/// The channel was lost before acknowledgements were written, so the broker redelivers those messages.
#[cfg(feature = "rabbitmq")]
pub(crate) fn stale_acks(queue: &str, count: usize) {
    counter!(STALE_ACKS, "messaging.destination.name" => queue.to_owned()).increment(count as u64);
    tracing::debug!(queue, count, "acks lost with their channel");
}
