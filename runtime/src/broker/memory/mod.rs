//! The in-memory broker for tests and examples. It behaves as RabbitMQ does for the topology that a service uses.
//!
//! Messages live only as long as the process. Each call completes under one lock: when a publish is confirmed, the
//! message is in its queues, and every consumer with free prefetch has its delivery.

mod capacity;
mod consumer;
mod dead_letter;
mod declare;
mod deferred;
mod exchange;
mod faults;
mod inspect;
mod queue;
mod queue_entry;
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
use self::state::{Availability, MemoryState};
use self::subscription::MemorySubscription;
use crate::broker::{BoxFuture, Broker, BrokerState, Publish, Subscribe, Subscription};
use crate::bus::refusal::Refusal;
use crate::clock::Clock;
use crate::error::Error;
use crate::topology::{BindingPlan, Plan};

#[derive(Debug)]
pub(crate) struct MemoryBroker {
    shared: Arc<MemoryShared>,
    fresh_for: Duration,
}

#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub(crate) struct MemoryBrokerBuilder {
    clock: Clock,
    max_messages: usize,
    max_bytes: usize,
    recording: bool,
    fresh_for: Duration,
}

impl MemoryBroker {
    /// A broker with the default limits, whose delays run on `clock`. It needs no tokio runtime before the first delay.
    pub(crate) fn new(clock: Clock) -> Self {
        Self::builder(clock).build()
    }

    /// Declares `plan` on a new broker, where nothing can conflict with it.
    pub(crate) fn declare_first(&self, plan: &Plan) {
        let declared = self.shared.with(|state, effects| state.declare(plan, effects));
        debug_assert!(declared.is_ok(), "a new broker has no conflicting declaration");
    }

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
    /// Sets how many messages all queues may contain together before publishes wait.
    pub(crate) fn max_messages(mut self, messages: usize) -> Self {
        self.max_messages = messages;
        self
    }

    /// Sets how many bytes all queues may contain together before publishes wait.
    pub(crate) fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Records every message that is published to a topic exchange, for [`MemoryBroker::recorded`].
    pub(crate) fn recording(mut self) -> Self {
        self.recording = true;
        self
    }

    /// Sets [`Broker::fresh_for`], to test how the runtime treats a queue right after its declaration.
    #[cfg(feature = "testing")]
    pub(crate) fn fresh_for(mut self, time: Duration) -> Self {
        self.fresh_for = time;
        self
    }

    pub(crate) fn build(self) -> MemoryBroker {
        let capacity = Capacity::new(self.max_messages, self.max_bytes);
        let state = MemoryState::new(self.clock.clone(), capacity, self.recording);
        MemoryBroker {
            shared: Arc::new(MemoryShared::new(state, self.clock)),
            fresh_for: self.fresh_for,
        }
    }
}

impl Broker for MemoryBroker {
    fn declare<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { self.shared.with(|state, effects| state.declare(plan, effects)) })
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
            state.check_available()?;
            Ok(state.queue_ids.contains_key(name))
        })
    }

    fn fresh_for(&self) -> Duration {
        self.fresh_for
    }

    fn delivers_published_message(&self) -> bool {
        true
    }

    fn send(&self, publish: Publish) {
        self.shared.with(|state, effects| state.publish(publish, effects));
    }

    fn subscribe(&self, subscribe: Subscribe) -> BoxFuture<'_, Result<Box<dyn Subscription>, Error>> {
        Box::pin(async move {
            let (id, queue) = self
                .shared
                .with(|state, effects| state.subscribe(subscribe, effects))?;
            let subscription = MemorySubscription::new(Arc::clone(&self.shared), id, queue);
            Ok(Box::new(subscription) as Box<dyn Subscription>)
        })
    }

    fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    fn state(&self) -> BrokerState {
        let state = self.shared.lock();
        match state.availability {
            Availability::Up if state.capacity.is_full() => BrokerState::Blocked(format!(
                "the queues are full: {} messages",
                state.capacity.messages()
            )),
            Availability::Up => BrokerState::Up,
            Availability::Down => BrokerState::Down("the broker is unreachable".to_owned()),
            Availability::Closed => BrokerState::Down("the bus is closed".to_owned()),
        }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.shared.with(|state, effects| {
                state.availability = Availability::Closed;
                for publish in std::mem::take(&mut state.pending) {
                    effects.finish(publish.confirm, Err(Refusal::Closed));
                }
                state.end_all_subscriptions(effects);
            });
        })
    }
}
