//! Faults on request: what a test does to a broker that does not fail by itself.

use super::MemoryBroker;
use super::deferred::After;
use super::state::{MemoryState, Phase};
use crate::bus::refusal::Refusal;

impl MemoryBroker {
    /// Refuses the next `count` publishes to `exchange`.
    pub(crate) fn refuse_next(&self, exchange: &str, count: usize, refusal: Refusal) {
        self.shared.with(|state, _| {
            state.refusals.insert(exchange.to_owned(), (count, refusal));
        });
    }

    /// Refuses the next binding of a queue, as RabbitMQ does when the queue is deleted between its declaration and that.
    pub(crate) fn refuse_next_binding(&self, queue: &str) {
        self.shared.with(|state, _| {
            state.unbindable.insert(queue.to_owned());
        });
    }

    /// Goes away, as a broker whose connection is lost: subscriptions end, publishes wait until it is back. What it
    /// holds it keeps, and delays run on.
    pub(crate) fn go_down(&self) {
        self.shared.with(|state, after| {
            if state.phase == Phase::Up {
                state.phase = Phase::Down;
                state.end_all(after);
            }
        });
    }

    /// Comes back, and takes what was published meanwhile.
    pub(crate) fn come_back(&self) {
        self.shared.with(|state, after| {
            if state.phase == Phase::Down {
                state.phase = Phase::Up;
                state.take_up_after_absence(after);
            }
        });
    }
}

impl MemoryState {
    /// Refuses a publish if a test wants it so.
    pub(super) fn refuse(&mut self, exchange: &str) -> Result<(), Refusal> {
        if self.refusals.is_empty() {
            return Ok(());
        }
        match self.refusals.get_mut(exchange) {
            Some((left, refusal)) if *left > 0 => {
                *left -= 1;
                Err(refusal.clone())
            }
            _ => Ok(()),
        }
    }

    /// Ends every subscription.
    pub(super) fn end_all(&mut self, after: &mut After) {
        // Off their queues first: what one returns must not be handed to the next that is about to end.
        for id in self.queues.ids() {
            self.queues[id].consumers.clear();
        }
        for id in self.consumers.ids() {
            self.end_consumer(id, after);
        }
    }
}
