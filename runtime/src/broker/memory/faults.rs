//! Fault injection for tests.

use super::MemoryBroker;
use super::deferred::DeferredEffects;
use super::state::{Availability, MemoryState};
use crate::bus::refusal::Refusal;

impl MemoryBroker {
    pub(crate) fn refuse_next(&self, exchange: &str, count: usize, refusal: Refusal) {
        self.shared.with(|state, _| {
            state
                .injected_refusals
                .insert(exchange.to_owned(), (count, refusal));
        });
    }

    /// Refuses the next binding of a queue, as RabbitMQ does when the queue was deleted after its declaration.
    pub(crate) fn refuse_next_binding(&self, queue: &str) {
        self.shared.with(|state, _| {
            state.refused_bindings.insert(queue.to_owned());
        });
    }

    /// Simulates a lost connection. Subscriptions end, and publishes wait until [`come_back`](Self::come_back). The
    /// queues keep their messages, and delays continue.
    pub(crate) fn go_down(&self) {
        self.shared.with(|state, effects| {
            if state.availability == Availability::Up {
                state.availability = Availability::Down;
                state.end_all_subscriptions(effects);
            }
        });
    }

    /// Ends [`go_down`](Self::go_down) and accepts the publishes that waited.
    pub(crate) fn come_back(&self) {
        self.shared.with(|state, effects| {
            if state.availability == Availability::Down {
                state.availability = Availability::Up;
                state.resume_after_outage(effects);
            }
        });
    }
}

impl MemoryState {
    /// Returns the refusal that a test injected for the next publish to `exchange`.
    pub(super) fn injected_refusal(&mut self, exchange: &str) -> Result<(), Refusal> {
        if self.injected_refusals.is_empty() {
            return Ok(());
        }
        match self.injected_refusals.get_mut(exchange) {
            Some((left, refusal)) if *left > 0 => {
                *left -= 1;
                Err(refusal.clone())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn end_all_subscriptions(&mut self, effects: &mut DeferredEffects) {
        // Remove all consumers from their queues first. Otherwise a message that one consumer returns would go to
        // another consumer that is about to end.
        for id in self.queues.ids() {
            self.queues[id].consumers.clear();
        }
        for id in self.consumers.ids() {
            self.end_consumer(id, effects);
        }
    }
}
