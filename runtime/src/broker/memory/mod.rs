//! The in-memory broker: what RabbitMQ would have done, as far as the topology of a service uses it.
//!
//! It serves tests and examples. Nothing is kept beyond the process, and everything happens under one lock at once:
//! a message that is confirmed is in its queues, and one that a consumer has room for is handed to it already.

mod capacity;
mod dead_letter;
mod declare;
mod deferred;
mod exchange;
mod faults;
mod inspect;
mod queue;
mod settle;
mod shared;
mod slab;
mod state;
mod subscription;
#[cfg(test)]
mod tests;
pub(crate) mod trie;

use std::sync::Arc;
use std::time::Duration;

use self::capacity::Capacity;
use self::shared::MemoryShared;
use self::state::{MemoryState, Phase};
use self::subscription::MemorySubscription;
use crate::broker::{BoxFuture, Broker, BrokerState, Publish, Subscribe, Subscription};
use crate::bus::refusal::Refusal;
use crate::clock::Clock;
use crate::error::Error;
use crate::topology::{BindingPlan, Plan};

/// The in-memory broker.
#[derive(Debug)]
pub(crate) struct MemoryBroker {
    shared: Arc<MemoryShared>,
    fresh_for: Duration,
}

/// How an in-memory broker is to be.
#[derive(Debug, Clone)]
#[must_use = "it makes a broker by `build`"]
pub(crate) struct MemoryBrokerBuilder {
    clock: Clock,
    max_messages: usize,
    max_bytes: usize,
    recording: bool,
    fresh_for: Duration,
}

impl MemoryBroker {
    /// A broker whose delays run on `clock`. It needs no runtime before the first delay.
    pub(crate) fn new(clock: Clock) -> Self {
        Self::builder(clock).build()
    }

    /// One with limits of its own, or with a recording.
    pub(crate) fn builder(clock: Clock) -> MemoryBrokerBuilder {
        MemoryBrokerBuilder {
            clock,
            max_messages: 100_000,
            max_bytes: 256 << 20,
            recording: false,
            fresh_for: Duration::ZERO,
        }
    }
}

impl MemoryBrokerBuilder {
    /// How many messages all queues hold together before publishers wait.
    pub(crate) fn max_messages(mut self, messages: usize) -> Self {
        self.max_messages = messages;
        self
    }

    /// How many bytes they hold.
    pub(crate) fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Keeps every message that is published to a topic exchange, for [`MemoryBroker::recorded`].
    pub(crate) fn recording(mut self) -> Self {
        self.recording = true;
        self
    }

    /// Has its users believe that a queue is not to be trusted for so long after it was declared, as `RabbitMQ` has them.
    #[cfg(feature = "testing")]
    pub(crate) fn fresh_for(mut self, time: Duration) -> Self {
        self.fresh_for = time;
        self
    }

    /// The broker.
    pub(crate) fn build(self) -> MemoryBroker {
        let capacity = Capacity::new(self.max_messages, self.max_bytes);
        let state = MemoryState::new(self.clock.clone(), capacity, self.recording);
        MemoryBroker {
            shared: Arc::new(MemoryShared::new(state, self.clock)),
            fresh_for: self.fresh_for,
        }
    }
}

impl MemoryBroker {
    /// Declares `plan` at once, on a broker that has nothing yet.
    pub(crate) fn declare_first(&self, plan: &Plan) {
        let declared = self.shared.with(|state, after| state.declare(plan, after));
        debug_assert!(declared.is_ok(), "a new broker has nothing that could differ");
    }
}

impl Broker for MemoryBroker {
    fn declare<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { self.shared.with(|state, after| state.declare(plan, after)) })
    }

    fn verify<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { self.shared.lock().verify(plan).map_err(Error::from) })
    }

    fn unbind<'a>(&'a self, binding: &'a BindingPlan) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move { self.shared.with(|state, _| state.unbind(binding)) })
    }

    fn has_queue<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<bool, String>> {
        Box::pin(async move {
            let state = self.shared.lock();
            state.reachable()?;
            Ok(state.names.contains_key(name))
        })
    }

    fn fresh_for(&self) -> Duration {
        self.fresh_for
    }

    fn hands_out_its_own(&self) -> bool {
        true
    }

    fn send(&self, publish: Publish) {
        self.shared.with(|state, after| state.publish(publish, after));
    }

    fn subscribe(&self, subscribe: Subscribe) -> BoxFuture<'_, Result<Box<dyn Subscription>, Error>> {
        Box::pin(async move {
            let (id, queue) = self
                .shared
                .with(|state, after| state.subscribe(subscribe, after))?;
            let subscription = MemorySubscription::new(Arc::clone(&self.shared), id, queue);
            Ok(Box::new(subscription) as Box<dyn Subscription>)
        })
    }

    fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    fn state(&self) -> BrokerState {
        let state = self.shared.lock();
        match state.phase {
            Phase::Up if state.capacity.is_full() => {
                BrokerState::Blocked(format!("it is full: {} messages", state.capacity.messages()))
            }
            Phase::Up => BrokerState::Up,
            Phase::Down => BrokerState::Down("it is away".to_owned()),
            Phase::Closed => BrokerState::Down("it was closed".to_owned()),
        }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.shared.with(|state, after| {
                state.phase = Phase::Closed;
                for publish in std::mem::take(&mut state.parked) {
                    after.answer(publish.confirm, Err(Refusal::Closed));
                }
                state.end_all(after);
            });
        })
    }
}
