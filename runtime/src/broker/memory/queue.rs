//! A queue, its options and its messages.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::consumer::MemoryConsumer;
use super::exchange::NONE;
use super::queue_entry::{DeathReason, QueueEntry};
use super::slab::Slab;
use crate::error::Drift;
use crate::message::Message;
use crate::topology::Argument;

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: Arc<str>,
    arguments: BTreeMap<&'static str, Argument>,
    pub(super) options: QueueOptions,
    /// Whether the queue belongs to one subscription and is deleted with it.
    pub(super) exclusive: bool,
    /// Messages that wait for a consumer, by position. While a message waits, no consumer has free prefetch.
    pub(super) ready: VecDeque<QueueEntry>,
    /// The number of messages that were delivered and not settled.
    pub(super) unsettled: usize,
    /// Dead letters that no queue accepts.
    pub(super) unroutable: Vec<(QueueEntry, DeathReason)>,
    /// When the first of `unroutable` was added, and when the broker routes them again.
    pub(super) unroutable_since: Duration,
    pub(super) retry_at: Option<Duration>,
    /// The ids of the consumers. With a single active consumer, the first one is active.
    pub(super) consumers: VecDeque<usize>,
    /// The exchange and pattern of each binding.
    pub(super) bindings: Vec<(String, String)>,
    /// The time of this queue in `MemoryState::due_queues`.
    pub(super) scheduled_at: Option<Duration>,
    last_position: u64,
}

/// The queue arguments (`x-…`) that this broker supports.
#[derive(Debug, Default)]
pub(super) struct QueueOptions {
    pub(super) dead_letter: Option<Arc<DeadLetterTarget>>,
    pub(super) delivery_limit: Option<u32>,
    pub(super) ttl: Option<Duration>,
    pub(super) single_active: bool,
}

#[derive(Debug)]
pub(super) struct DeadLetterTarget {
    pub(super) exchange: String,
    /// Replaces the routing key of the message.
    pub(super) routing_key: Option<String>,
    /// Whether the queue keeps a dead letter that no other queue accepts. Otherwise the message is lost.
    pub(super) at_least_once: bool,
}

/// The limit of RabbitMQ 4 for a quorum queue without `x-delivery-limit`.
const DEFAULT_DELIVERY_LIMIT: u32 = 20;

impl QueueOptions {
    fn from_arguments(arguments: &BTreeMap<&'static str, Argument>) -> Self {
        let text = |name: &str| match arguments.get(name) {
            Some(Argument::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let number = |name: &str| match arguments.get(name) {
            Some(Argument::Number(number)) => Some(*number),
            _ => None,
        };
        let is_quorum = text("x-queue-type") == Some("quorum");
        Self {
            dead_letter: text("x-dead-letter-exchange").map(|exchange| {
                Arc::new(DeadLetterTarget {
                    exchange: exchange.to_owned(),
                    routing_key: text("x-dead-letter-routing-key").map(str::to_owned),
                    at_least_once: text("x-dead-letter-strategy") == Some("at-least-once"),
                })
            }),
            delivery_limit: match number("x-delivery-limit") {
                // A negative limit means no limit.
                Some(limit) => u32::try_from(limit).ok(),
                None => is_quorum.then_some(DEFAULT_DELIVERY_LIMIT),
            },
            ttl: number("x-message-ttl").map(|ttl| Duration::from_millis(u64::try_from(ttl).unwrap_or(0))),
            single_active: arguments.get("x-single-active-consumer") == Some(&Argument::Flag(true)),
        }
    }
}

impl Queue {
    pub(super) fn new(name: Arc<str>, arguments: BTreeMap<&'static str, Argument>) -> Self {
        Self {
            name,
            options: QueueOptions::from_arguments(&arguments),
            arguments,
            exclusive: false,
            ready: VecDeque::new(),
            unsettled: 0,
            unroutable: Vec::new(),
            unroutable_since: Duration::ZERO,
            retry_at: None,
            consumers: VecDeque::new(),
            bindings: Vec::new(),
            scheduled_at: None,
            last_position: 0,
        }
    }

    /// A server-named queue for one subscription.
    pub(super) fn exclusive(name: Arc<str>) -> Self {
        Self {
            exclusive: true,
            ..Self::new(name, BTreeMap::new())
        }
    }

    /// The first argument that differs from `wanted`.
    pub(super) fn drift(&self, wanted: &BTreeMap<&'static str, Argument>) -> Option<Drift> {
        let text = |value: Option<&Argument>| value.map_or_else(|| NONE.to_owned(), ToString::to_string);
        let mut names = self.arguments.keys().chain(wanted.keys());
        let name = names.find(|name| self.arguments.get(*name) != wanted.get(*name))?;
        Some(Drift {
            argument: (*name).to_owned(),
            found: text(self.arguments.get(name)),
            wanted: text(wanted.get(name)),
            advice: Drift::OF_QUEUE,
        })
    }

    /// Appends a message. The shorter of the queue's TTL and the message's expiration applies.
    pub(super) fn push(&mut self, message: Arc<Message>, size: usize, now: impl FnOnce() -> Duration) {
        let own = message.properties.expiration();
        let own = own.and_then(|millis| Some(Duration::from_millis(millis.parse().ok()?)));
        let ttl = [self.options.ttl, own].into_iter().flatten().min();
        self.last_position += 1;
        self.ready.push_back(QueueEntry {
            position: self.last_position,
            message,
            size,
            delivery_count: 0,
            redelivered: false,
            expires: ttl.map(|ttl| now().saturating_add(ttl)),
        });
    }

    /// Returns a delivered message to its original position.
    pub(super) fn put_back(&mut self, mut entry: QueueEntry) {
        entry.redelivered = true;
        let at = self
            .ready
            .partition_point(|other| other.position < entry.position);
        self.ready.insert(at, entry);
    }

    /// Removes the head if it has expired.
    pub(super) fn pop_expired(&mut self, now: Duration) -> Option<QueueEntry> {
        self.ready
            .pop_front_if(|head| head.expires.is_some_and(|at| at <= now))
    }

    pub(super) fn is_over_limit(&self, delivery_count: u32) -> bool {
        self.options
            .delivery_limit
            .is_some_and(|limit| delivery_count > limit)
    }

    pub(super) fn keep_unroutable(&mut self, entry: QueueEntry, reason: DeathReason, now: Duration) {
        if self.unroutable.is_empty() {
            self.unroutable_since = now;
        }
        self.unroutable.push((entry, reason));
    }

    /// Selects the consumer of the next message, round robin among the consumers with free prefetch.
    pub(super) fn next_consumer(&mut self, all: &Slab<MemoryConsumer>) -> Option<usize> {
        if self.options.single_active {
            return self.consumers.front().copied().filter(|id| !all[*id].is_full());
        }
        let at = self.consumers.iter().position(|id| !all[*id].is_full())?;
        self.consumers.rotate_left(at + 1);
        self.consumers.back().copied()
    }

    /// The earliest expiry or retry of this queue.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let head = self.ready.front().and_then(|head| head.expires);
        [head, self.retry_at].into_iter().flatten().min()
    }

    /// The number of messages, ready or unsettled.
    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.unsettled + self.unroutable.len()
    }
}
