//! A handler of a running app: its descriptor, its function with the app's state, and its health.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::event::descriptor::EventDescriptor;
use crate::handler::delivery::Delivery;
use crate::handler::descriptor::HandlerDescriptor;
use crate::handler::list::HandlerFuture;
use crate::message::topic;
use crate::retry;
use crate::telemetry::HandlerMetrics;

use super::breaker::Breaker;
use super::middleware::Middleware;
use super::patterns::Patterns;

/// The handler's function, which has captured the app's state.
pub(crate) type HandlerCall = Arc<dyn Fn(Delivery) -> HandlerFuture + Send + Sync>;

pub(crate) struct BoundHandler {
    pub(crate) descriptor: HandlerDescriptor,
    pub(crate) call: HandlerCall,
    pub(crate) middleware: Arc<[Middleware]>,
    /// The handler's retry delays, after `speed_up`.
    pub(crate) rungs: Vec<Duration>,
    patterns: Patterns,
    event_types: Vec<&'static str>,
    breaker: Mutex<Breaker>,
    trouble: Mutex<Option<String>>,
    pub(crate) counts: HandlerCounts,
    pub(crate) metrics: HandlerMetrics,
}

/// Counts of a handler's deliveries since the app started, for health.
#[derive(Debug, Default)]
pub(crate) struct HandlerCounts {
    pub(crate) handled: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) dead_lettered: AtomicU64,
    pub(crate) ignored: AtomicU64,
    pub(crate) set_aside: AtomicU64,
}

impl HandlerCounts {
    pub(crate) fn add(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether a handler takes an event of some type under some routing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandlerMatch {
    Takes,
    /// A pattern matches the key, and the handler does not declare the type.
    Undeclared,
    /// A pattern matches the key, and the key belongs to another event that the handler declares.
    WrongType,
    /// No pattern matches the key.
    ForeignKey,
}

impl BoundHandler {
    pub(crate) fn new(
        descriptor: HandlerDescriptor,
        call: HandlerCall,
        middleware: Arc<[Middleware]>,
        speed_up: u32,
    ) -> Self {
        let takes = descriptor.takes();
        let mut event_types: Vec<&'static str> = takes.iter().map(EventDescriptor::event_type).collect();
        event_types.sort_unstable();
        event_types.dedup();
        let rungs = descriptor.rungs().iter();
        Self {
            call,
            middleware,
            rungs: rungs.map(|&rung| retry::scaled(rung, speed_up)).collect(),
            patterns: Patterns::new(descriptor.patterns()),
            event_types,
            breaker: Mutex::new(Breaker::new(descriptor.breaker())),
            trouble: Mutex::default(),
            counts: HandlerCounts::default(),
            metrics: HandlerMetrics::new(descriptor.name()),
            descriptor,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.descriptor.name()
    }

    pub(crate) fn patterns(&self) -> &Patterns {
        &self.patterns
    }

    /// Whether a failed delivery stays in the session until its next attempt.
    pub(crate) fn retries_in_place(&self) -> bool {
        self.descriptor.ordered() || self.descriptor.ephemeral()
    }

    pub(crate) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why deliveries of this handler cannot be settled at the moment.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Matches an event type and a routing key. The key is `None` for a message that was sent to the queue directly.
    pub(crate) fn matches(&self, event_type: &str, key: Option<&str>) -> HandlerMatch {
        if key.is_some_and(|key| !self.patterns.match_key(key)) {
            return HandlerMatch::ForeignKey;
        }
        if self.event_types.binary_search(&event_type).is_ok() || self.descriptor.takes_any() {
            return HandlerMatch::Takes;
        }
        match key {
            Some(key) if self.descriptor.takes().iter().any(|event| has_key(event, key)) => {
                HandlerMatch::WrongType
            }
            _ => HandlerMatch::Undeclared,
        }
    }
}

/// Whether the key can be the routing key of the event: it matches the event's template with `*` for each field.
fn has_key(event: &EventDescriptor, key: &str) -> bool {
    event
        .versions()
        .any(|version| topic::matches(version.key_pattern(), key))
}

impl std::fmt::Debug for BoundHandler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("BoundHandler")
            .field(&self.descriptor.name())
            .finish()
    }
}
