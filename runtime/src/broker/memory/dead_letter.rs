//! Dead letters: what a queue gives up on goes where its arguments say, and tells where it has been.

use std::mem;
use std::sync::Arc;

use super::deferred::After;
use super::queue::Entry;
use super::state::MemoryState;
use crate::message::Message;
use crate::message::headers::{HeaderValue, Headers};
use crate::message::properties::BorrowedProperties;
use crate::message::timestamp::Timestamp;

/// Why a queue gave a message up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It came back too often without being settled.
    DeliveryLimit,
    /// Its time was over.
    Expired,
}

impl Reason {
    /// RabbitMQ's word for it.
    fn as_str(self) -> &'static str {
        match self {
            Self::DeliveryLimit => "delivery_limit",
            Self::Expired => "expired",
        }
    }
}

impl MemoryState {
    /// Expires all that is due now.
    pub(super) fn expire(&mut self, after: &mut After) {
        let now = self.clock.elapsed();
        while let Some(&(due, id)) = self.due.first()
            && due <= now
        {
            while let Some(entry) = self.queues[id].pop_expired(now) {
                self.dead_letter(id, entry, Reason::Expired, after);
            }
            self.retry_stuck(id, after);
            self.watch(id);
        }
        self.take_up_parked(after);
    }

    fn retry_stuck(&mut self, id: usize, after: &mut After) {
        let now = self.clock.elapsed();
        let queue = &mut self.queues[id];
        if queue.retry_at.is_some_and(|at| at <= now) {
            queue.retry_at = None;
            for (entry, reason) in mem::take(&mut queue.stuck) {
                self.dead_letter(id, entry, reason, after);
            }
        }
    }

    /// Gives a message up: it goes to the queue's dead letters. Where no queue takes them it stays, at least once
    /// being the strategy, and is lost otherwise.
    pub(super) fn dead_letter(&mut self, id: usize, entry: Entry, reason: Reason, after: &mut After) {
        let queue = &self.queues[id];
        let Some(rule) = queue.rules.dead_letter.clone() else {
            self.capacity.release(entry.size);
            return;
        };
        let name = Arc::clone(&queue.name);
        let key = rule.routing_key.as_deref().unwrap_or(&entry.message.routing_key);
        let mut targets = Vec::new();
        self.route(&rule.exchange, key, &[], &mut targets);
        if targets.is_empty() && rule.at_least_once {
            let now = self.clock.elapsed();
            self.queues[id].keep(entry, reason, now);
            return;
        }
        // RabbitMQ ends circles that no consumer is part of: they would turn for ever.
        targets.retain(|target| !died_in(&entry.message, &self.queues[*target].name));
        self.capacity.release(entry.size);
        if !targets.is_empty() {
            let mut message = Arc::unwrap_or_clone(entry.message);
            note_death(&mut message, &name, reason, self.clock.now());
            message.exchange = rule.exchange.as_str().into();
            if let Some(key) = &rule.routing_key {
                message.routing_key = key.as_str().into();
            }
            self.enqueue(&Arc::new(message), &targets, after);
        }
    }
}

/// Whether the message was given up by this queue before.
fn died_in(message: &Message, queue: &str) -> bool {
    deaths(&message.headers)
        .iter()
        .any(|death| matches!(death, HeaderValue::Table(death) if death.text("queue") == Some(queue)))
}

fn deaths(headers: &Headers) -> &[HeaderValue] {
    match headers.get("x-death") {
        Some(HeaderValue::List(deaths)) => deaths,
        _ => &[],
    }
}

/// Writes into the headers what RabbitMQ writes there (<https://www.rabbitmq.com/docs/dlx#effects>).
fn note_death(message: &mut Message, queue: &str, reason: Reason, now: Timestamp) {
    let mut deaths = match message.headers.remove("x-death") {
        Some(HeaderValue::List(deaths)) => deaths,
        _ => Vec::new(),
    };
    let is_same = |death: &HeaderValue| {
        matches!(death, HeaderValue::Table(death)
            if death.text("queue") == Some(queue) && death.text("reason") == Some(reason.as_str()))
    };
    let death = match deaths.iter().position(is_same) {
        Some(at) => counted_again(deaths.remove(at)),
        None => HeaderValue::Table(death(message, queue, reason, now)),
    };
    deaths.insert(0, death);
    message.headers.set("x-death", HeaderValue::List(deaths));
    for (when, overwrite) in [("first", false), ("last", true)] {
        for (what, value) in [
            ("queue", queue),
            ("reason", reason.as_str()),
            ("exchange", &message.exchange),
        ] {
            let name = format!("x-{when}-death-{what}");
            if overwrite || message.headers.get(&name).is_none() {
                message.headers.set(name, value);
            }
        }
    }
    // It has done what it was for; kept, it would delete the dead letter.
    let without = BorrowedProperties {
        expiration: None,
        ..message.properties.borrowed()
    };
    message.properties = without.into();
}

fn counted_again(mut death: HeaderValue) -> HeaderValue {
    if let HeaderValue::Table(death) = &mut death {
        let count = death.get("count").and_then(HeaderValue::as_i64).unwrap_or(0);
        death.set("count", count + 1);
    }
    death
}

fn death(message: &Message, queue: &str, reason: Reason, now: Timestamp) -> Headers {
    let mut death = Headers::new();
    death.set("count", 1_i64);
    death.set("reason", reason.as_str());
    death.set("queue", queue);
    let seconds = u64::try_from(now.as_millis() / 1_000).unwrap_or(0);
    death.set("time", HeaderValue::Timestamp(seconds));
    death.set("exchange", &*message.exchange);
    let keys = vec![HeaderValue::from(&*message.routing_key)];
    death.set("routing-keys", HeaderValue::List(keys));
    if let Some(expiration) = message.properties.expiration() {
        death.set("original-expiration", expiration);
    }
    death
}
