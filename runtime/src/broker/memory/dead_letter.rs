//! Dead-lettering by the broker, with the `x-death` headers that RabbitMQ writes.

use std::mem;
use std::sync::Arc;

use super::deferred::DeferredEffects;
use super::queue_entry::{DeathReason, QueueEntry};
use super::state::MemoryState;
use crate::message::Message;
use crate::message::headers::{HeaderValue, Headers};
use crate::message::properties::BorrowedProperties;
use crate::message::timestamp::Timestamp;

impl MemoryState {
    /// Expires every message that is due now.
    pub(super) fn expire(&mut self, effects: &mut DeferredEffects) {
        let now = self.clock.elapsed();
        while let Some(&(due, id)) = self.due_queues.first()
            && due <= now
        {
            while let Some(entry) = self.queues[id].pop_expired(now) {
                self.dead_letter(id, entry, DeathReason::Expired, effects);
            }
            self.retry_unroutable(id, effects);
            self.schedule_expiry(id);
        }
        self.resume_publishes(effects);
    }

    fn retry_unroutable(&mut self, id: usize, effects: &mut DeferredEffects) {
        let now = self.clock.elapsed();
        let queue = &mut self.queues[id];
        if queue.retry_at.is_some_and(|at| at <= now) {
            queue.retry_at = None;
            for (entry, reason) in mem::take(&mut queue.unroutable) {
                self.dead_letter(id, entry, reason, effects);
            }
        }
    }

    /// Sends a message to the dead letter exchange of its queue. When no queue accepts the message there, its queue
    /// keeps it under the strategy at-least-once. Otherwise the message is lost.
    pub(super) fn dead_letter(
        &mut self,
        id: usize,
        entry: QueueEntry,
        reason: DeathReason,
        effects: &mut DeferredEffects,
    ) {
        let queue = &self.queues[id];
        let Some(target) = queue.options.dead_letter.clone() else {
            self.capacity.release(entry.size);
            return;
        };
        let name = Arc::clone(&queue.name);
        let key = target
            .routing_key
            .as_deref()
            .unwrap_or(&entry.message.routing_key);
        let mut queues = Vec::new();
        self.route(&target.exchange, key, &[], &mut queues);
        if queues.is_empty() && target.at_least_once {
            let now = self.clock.elapsed();
            self.queues[id].keep_unroutable(entry, reason, now);
            return;
        }
        // As RabbitMQ does, end a cycle: drop a message that returns to a queue that dead-lettered it.
        queues.retain(|queue| !was_dead_lettered_by(&entry.message, &self.queues[*queue].name));
        self.capacity.release(entry.size);
        if !queues.is_empty() {
            let mut message = Arc::unwrap_or_clone(entry.message);
            record_death(&mut message, &name, reason, self.clock.now());
            message.exchange = target.exchange.as_str().into();
            if let Some(key) = &target.routing_key {
                message.routing_key = key.as_str().into();
            }
            self.enqueue(&Arc::new(message), &queues, effects);
        }
    }
}

fn was_dead_lettered_by(message: &Message, queue: &str) -> bool {
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

/// Writes the headers of RabbitMQ (<https://www.rabbitmq.com/docs/dlx#effects>).
fn record_death(message: &mut Message, queue: &str, reason: DeathReason, now: Timestamp) {
    let mut deaths = match message.headers.remove("x-death") {
        Some(HeaderValue::List(deaths)) => deaths,
        _ => Vec::new(),
    };
    let is_same = |death: &HeaderValue| {
        matches!(death, HeaderValue::Table(death)
            if death.text("queue") == Some(queue) && death.text("reason") == Some(reason.as_str()))
    };
    let death = match deaths.iter().position(is_same) {
        Some(at) => with_count_incremented(deaths.remove(at)),
        None => HeaderValue::Table(death(message, queue, reason, now)),
    };
    deaths.insert(0, death);
    message.headers.set("x-death", HeaderValue::List(deaths));
    for (occurrence, overwrite) in [("first", false), ("last", true)] {
        for (field, value) in [
            ("queue", queue),
            ("reason", reason.as_str()),
            ("exchange", &message.exchange),
        ] {
            let name = format!("x-{occurrence}-death-{field}");
            if overwrite || message.headers.get(&name).is_none() {
                message.headers.set(name, value);
            }
        }
    }
    // Without this removal, the dead letter would expire too.
    let without = BorrowedProperties {
        expiration: None,
        ..message.properties.borrowed()
    };
    message.properties = without.into();
}

fn with_count_incremented(mut death: HeaderValue) -> HeaderValue {
    if let HeaderValue::Table(death) = &mut death {
        let count = death.get("count").and_then(HeaderValue::as_i64).unwrap_or(0);
        death.set("count", count + 1);
    }
    death
}

fn death(message: &Message, queue: &str, reason: DeathReason, now: Timestamp) -> Headers {
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
