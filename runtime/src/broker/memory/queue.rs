//! A queue: what waits in it, in which order, and by which rules.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::dead_letter::Reason;
use super::exchange::NONE;
use super::slab::Slab;
use super::subscription::Consumer;
use crate::error::Drift;
use crate::message::Message;
use crate::topology::Argument;

/// A queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: Arc<str>,
    arguments: BTreeMap<&'static str, Argument>,
    pub(super) rules: Rules,
    /// Whether it belongs to one subscription and goes with it.
    pub(super) exclusive: bool,
    /// What waits for a consumer, by position. While there is anything, no consumer has room in its window: what can
    /// be handed out is handed out at once.
    pub(super) ready: VecDeque<Entry>,
    /// How many were handed out and not settled.
    pub(super) unsettled: usize,
    /// Dead letters that no queue takes.
    pub(super) stuck: Vec<(Entry, Reason)>,
    /// When the first of them got stuck, and when they are tried again.
    pub(super) stuck_since: Duration,
    pub(super) retry_at: Option<Duration>,
    /// Who takes from it. The first is the active one where there is a single one.
    pub(super) consumers: VecDeque<usize>,
    /// The exchanges and patterns it is bound by.
    pub(super) bindings: Vec<(String, String)>,
    /// For which time it is among the queues that wait for the clock.
    pub(super) watched: Option<Duration>,
    taken: u64,
}

/// One message in one queue.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its place among all that the queue ever took.
    position: u64,
    pub(super) message: Arc<Message>,
    pub(super) size: usize,
    /// How often a subscription ended without settling it.
    pub(super) delivery_count: u32,
    pub(super) redelivered: bool,
    /// When it expires, once it is at the head.
    pub(super) expires: Option<Duration>,
}

/// What a queue's arguments say.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) dead_letter: Option<Arc<DeadLetterRule>>,
    pub(super) delivery_limit: Option<u32>,
    pub(super) ttl: Option<Duration>,
    pub(super) single_active: bool,
}

/// Where dead letters go.
#[derive(Debug)]
pub(super) struct DeadLetterRule {
    pub(super) exchange: String,
    /// The key in place of the message's own.
    pub(super) routing_key: Option<String>,
    /// Whether a dead letter that no queue takes is kept. Otherwise it is lost.
    pub(super) at_least_once: bool,
}

/// What RabbitMQ 4 sets on a quorum queue that names no limit of its own.
const DEFAULT_DELIVERY_LIMIT: u32 = 20;

impl Rules {
    fn of(arguments: &BTreeMap<&'static str, Argument>) -> Self {
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
                Arc::new(DeadLetterRule {
                    exchange: exchange.to_owned(),
                    routing_key: text("x-dead-letter-routing-key").map(str::to_owned),
                    at_least_once: text("x-dead-letter-strategy") == Some("at-least-once"),
                })
            }),
            delivery_limit: match number("x-delivery-limit") {
                // A negative one is none at all.
                Some(limit) => u32::try_from(limit).ok(),
                None => is_quorum.then_some(DEFAULT_DELIVERY_LIMIT),
            },
            ttl: number("x-message-ttl").map(|ttl| Duration::from_millis(u64::try_from(ttl).unwrap_or(0))),
            single_active: arguments.get("x-single-active-consumer") == Some(&Argument::Flag(true)),
        }
    }
}

impl Queue {
    /// An empty queue.
    pub(super) fn new(name: Arc<str>, arguments: BTreeMap<&'static str, Argument>) -> Self {
        Self {
            name,
            rules: Rules::of(&arguments),
            arguments,
            exclusive: false,
            ready: VecDeque::new(),
            unsettled: 0,
            stuck: Vec::new(),
            stuck_since: Duration::ZERO,
            retry_at: None,
            consumers: VecDeque::new(),
            bindings: Vec::new(),
            watched: None,
            taken: 0,
        }
    }

    /// A server-named queue for one subscription.
    pub(super) fn exclusive(name: Arc<str>) -> Self {
        Self {
            exclusive: true,
            ..Self::new(name, BTreeMap::new())
        }
    }

    /// The first argument in which this queue is not what is wanted.
    pub(super) fn drift(&self, wanted: &BTreeMap<&'static str, Argument>) -> Option<Drift> {
        let text = |value: Option<&Argument>| value.map_or_else(|| NONE.to_owned(), ToString::to_string);
        let mut names = self.arguments.keys().chain(wanted.keys());
        let name = names.find(|name| self.arguments.get(*name) != wanted.get(*name))?;
        Some(Drift {
            argument: (*name).to_owned(),
            found: text(self.arguments.get(name)),
            wanted: text(wanted.get(name)),
        })
    }

    /// Puts a message at the end. It expires after the queue's time or its own, whichever is shorter.
    pub(super) fn push(&mut self, message: Arc<Message>, size: usize, now: impl FnOnce() -> Duration) {
        let own = message.properties.expiration();
        let own = own.and_then(|millis| Some(Duration::from_millis(millis.parse().ok()?)));
        let ttl = [self.rules.ttl, own].into_iter().flatten().min();
        self.taken += 1;
        self.ready.push_back(Entry {
            position: self.taken,
            message,
            size,
            delivery_count: 0,
            redelivered: false,
            expires: ttl.map(|ttl| now().saturating_add(ttl)),
        });
    }

    /// Puts a message that was handed out back in its place.
    pub(super) fn put_back(&mut self, mut entry: Entry) {
        entry.redelivered = true;
        let at = self
            .ready
            .partition_point(|other| other.position < entry.position);
        self.ready.insert(at, entry);
    }

    /// Takes the head if its time is over.
    pub(super) fn pop_expired(&mut self, now: Duration) -> Option<Entry> {
        self.ready
            .pop_front_if(|head| head.expires.is_some_and(|at| at <= now))
    }

    /// Whether a message that came back this often is a dead letter.
    pub(super) fn is_over_limit(&self, delivery_count: u32) -> bool {
        self.rules
            .delivery_limit
            .is_some_and(|limit| delivery_count > limit)
    }

    /// Keeps a dead letter that no queue takes.
    pub(super) fn keep(&mut self, entry: Entry, reason: Reason, now: Duration) {
        if self.stuck.is_empty() {
            self.stuck_since = now;
        }
        self.stuck.push((entry, reason));
    }

    /// The consumer that gets the next message: each in turn, those without room passed over.
    pub(super) fn next_consumer(&mut self, all: &Slab<Consumer>) -> Option<usize> {
        if self.rules.single_active {
            return self.consumers.front().copied().filter(|id| all[*id].has_room());
        }
        let at = self.consumers.iter().position(|id| all[*id].has_room())?;
        self.consumers.rotate_left(at + 1);
        self.consumers.back().copied()
    }

    /// When the queue has something to do next.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let head = self.ready.front().and_then(|head| head.expires);
        [head, self.retry_at].into_iter().flatten().min()
    }

    /// How many messages it holds, handed out or not.
    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.unsettled + self.stuck.len()
    }
}

impl Entry {
    /// The order in which entries of one queue came.
    pub(super) fn position(&self) -> u64 {
        self.position
    }
}
