//! A handler at work: its descriptor, its function, and what is known of its health.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::event::descriptor::EventDescriptor;
use crate::handler::delivery::Delivery;
use crate::handler::{HandlerDescriptor, HandlerFuture};
use crate::message::topic;
use crate::telemetry::Processed;

use super::breaker::Breaker;
use super::middleware::Middleware;
use super::patterns::Patterns;

/// The handler's function with its state inside.
pub(crate) type HandlerCall = Arc<dyn Fn(Delivery) -> HandlerFuture + Send + Sync>;

/// A handler of a running app.
pub(crate) struct BoundHandler {
    pub(crate) descriptor: HandlerDescriptor,
    pub(crate) call: HandlerCall,
    pub(crate) around: Arc<[Middleware]>,
    /// Its delays, as scaled.
    pub(crate) rungs: Vec<Duration>,
    patterns: Patterns,
    types: Vec<&'static str>,
    breaker: Mutex<Breaker>,
    trouble: Mutex<Option<String>>,
    pub(crate) counts: HandlerCounts,
    pub(crate) processed: Processed,
}

/// What became of a handler's deliveries since it started.
#[derive(Debug, Default)]
pub(crate) struct HandlerCounts {
    pub(crate) handled: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) dead_lettered: AtomicU64,
    pub(crate) ignored: AtomicU64,
}

impl HandlerCounts {
    pub(crate) fn add(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// How a key and a type stand to a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandlerMatch {
    /// It takes the event.
    Takes,
    /// One of its patterns has the key, but it does not declare the type.
    Undeclared,
    /// One of its patterns has the key, which is the key of another event that it declares.
    WrongType,
    /// None of its patterns has the key.
    ForeignKey,
}

impl BoundHandler {
    pub(crate) fn new(
        descriptor: HandlerDescriptor,
        call: HandlerCall,
        around: Arc<[Middleware]>,
        speed_up: u32,
    ) -> Self {
        let mut types: Vec<&'static str> = descriptor
            .takes()
            .iter()
            .map(EventDescriptor::event_type)
            .collect();
        types.sort_unstable();
        types.dedup();
        Self {
            call,
            around,
            rungs: descriptor
                .rungs()
                .iter()
                .map(|&rung| crate::retry::scaled(rung, speed_up))
                .collect(),
            patterns: Patterns::new(descriptor.patterns()),
            types,
            breaker: Mutex::default(),
            trouble: Mutex::default(),
            counts: HandlerCounts::default(),
            processed: Processed::by(descriptor.name()),
            descriptor,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.descriptor.name()
    }

    pub(crate) fn patterns(&self) -> &Patterns {
        &self.patterns
    }

    pub(crate) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What keeps its deliveries from being settled, if anything does.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// How the handler stands to an event of this type under this key; `None` for a key says that the event was
    /// addressed to the queue itself, past all patterns.
    pub(crate) fn matches(&self, event_type: &str, key: Option<&str>) -> HandlerMatch {
        if key.is_some_and(|key| !self.patterns.have(key)) {
            return HandlerMatch::ForeignKey;
        }
        if self.types.binary_search(&event_type).is_ok() || self.descriptor.takes_any() {
            return HandlerMatch::Takes;
        }
        // The wildcards of a key's template stand for words, so the template taken as a pattern has the key exactly
        // when the key can be that event's.
        match key {
            Some(key) if self.descriptor.takes().iter().any(|event| has_key(event, key)) => {
                HandlerMatch::WrongType
            }
            _ => HandlerMatch::Undeclared,
        }
    }
}

fn has_key(event: &crate::event::descriptor::EventDescriptor, key: &str) -> bool {
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
