//! The start of attempts: which deliveries may start now, and where they run.

use std::sync::Arc;
use std::time::Duration;

use super::inline_execution::Started;
use super::{ConsumerSession, GATHERING, LONGEST_GATHERING, RunningWork};
use crate::consume::attempt::Attempt;
use crate::consume::pending_delivery::PendingDelivery;

impl ConsumerSession<'_> {
    /// Starts every attempt that has a delivery, a free place and, when its breaker is open, a due probe.
    pub(super) fn start_ready(&mut self) {
        if self.ending.is_some() {
            return;
        }
        let now = self.elapsed();
        self.start_trials(now);
        if self.one_by_one_through > 0 {
            return self.start_oldest(now);
        }
        // A start adds no delivery to a slot, so the list cannot grow meanwhile.
        let mut occupied = std::mem::take(&mut self.occupied);
        occupied.retain(|&at| {
            while let Some((pending, is_probe)) = self.slots[at].take_next(self.pace, now) {
                self.start(pending, is_probe);
            }
            let slot = &mut self.slots[at];
            slot.is_occupied = slot.deliveries.len() > 0;
            slot.is_occupied
        });
        self.occupied = occupied;
    }

    /// Lets the next trials start, once all other suspects are back at the broker: a crash would count against them too.
    fn start_trials(&mut self, now: Duration) {
        if self.trials_at().is_some_and(|at| at <= now) && self.flush_acks() {
            let trials = std::mem::take(&mut self.next_trials);
            trials.into_iter().for_each(|trial| self.enqueue(trial));
        }
    }

    /// When the next trials may start; `None` while there is none, or a suspect is being set aside.
    pub(super) fn trials_at(&self) -> Option<Duration> {
        if self.next_trials.is_empty() || self.set_asides.has_unconfirmed() {
            return None;
        }
        let gathered = self.gathering_since + GATHERING;
        let latest = self.gathering_since + LONGEST_GATHERING;
        Some(self.set_asides.applied_at().min(latest).max(gathered))
    }

    /// Hands every acknowledgement to the subscription, due or not, and returns whether all of them are flushed.
    pub(super) fn flush_acks(&mut self) -> bool {
        for ack in self.ack_window.all() {
            self.subscription.ack(ack.tag, ack.multiple);
            self.has_unflushed_acks = true;
        }
        !self.has_unflushed_acks
    }

    /// Starts the oldest delivery once every earlier one is settled and acknowledged. If the delivery ends the process,
    /// it is then the first to return.
    fn start_oldest(&mut self, now: Duration) {
        let waits_for_retry = self.slots.iter().any(|slot| slot.deliveries.has_retries());
        if !self.flush_acks() || waits_for_retry || !self.is_idle() {
            return;
        }
        let ready = self.slots.iter_mut().enumerate();
        let oldest = ready
            .filter_map(|(at, slot)| Some((slot.deliveries.move_oldest_first()?, at)))
            .min();
        match oldest {
            Some((tag, _)) if tag > self.one_by_one_through => {
                self.one_by_one_through = 0;
                self.start_ready();
            }
            Some((_, at)) => {
                if let Some((pending, is_probe)) = self.slots[at].take_next(self.pace, now) {
                    self.start(pending, is_probe);
                }
            }
            None => {}
        }
    }

    fn start(&mut self, pending: PendingDelivery, is_probe: bool) {
        let (tag, handler, returns) = (pending.tag, pending.handler, pending.returns);
        let message = Arc::clone(pending.delivery.message());
        self.has_probed |= is_probe;
        let slot = &self.slots[handler];
        let attempt = Attempt {
            session: Arc::clone(&self.context),
            reporter: self.reporter.clone(),
            handler: Arc::clone(&slot.handler),
            pending,
            is_probe,
        };
        let started_inline = slot.inline_execution.is_likely();
        let task = if started_inline {
            match self.inline_executor.start(attempt, &self.reporter) {
                Started::Completed(completion) => return self.completions.push(completion),
                Started::Spawned(task) => Some(task),
                Started::Panicked => None,
            }
        } else {
            Some(tokio::spawn(attempt.run_and_report()))
        };
        let running = RunningWork {
            handler,
            started_inline,
            is_set_aside: false,
            task,
            holds_slot: true,
            message,
            returns,
        };
        self.running.insert(tag, running);
    }
}
