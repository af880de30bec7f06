//! A handler within a session: its deliveries that have not started, and its free places.

use std::sync::Arc;
use std::time::Duration;

use super::Pace;
use super::inline_execution::InlineExecution;
use crate::consume::bound_handler::BoundHandler;
use crate::consume::delivery_queue::DeliveryQueue;
use crate::consume::pending_delivery::PendingDelivery;

pub(super) struct HandlerSlot {
    pub(super) handler: Arc<BoundHandler>,
    pub(super) deliveries: DeliveryQueue,
    /// Whether the session's list of occupied slots contains this slot.
    pub(super) is_occupied: bool,
    /// The number of attempts whose handler runs.
    running: usize,
    /// When the next round of probes may start, while the breaker is open and the queue keeps its deliveries.
    probe_at: Option<Duration>,
    /// The number of probes that have started in this round.
    probes: u16,
    pub(super) inline_execution: InlineExecution,
}

impl HandlerSlot {
    pub(super) fn new(handler: Arc<BoundHandler>) -> Self {
        Self {
            deliveries: DeliveryQueue::new(handler.descriptor.ordered()),
            handler,
            is_occupied: false,
            running: 0,
            probe_at: None,
            probes: 0,
            inline_execution: InlineExecution::default(),
        }
    }

    /// Takes the next delivery that may start, and says whether it is a probe.
    pub(super) fn take_next(&mut self, pace: Pace, now: Duration) -> Option<(PendingDelivery, bool)> {
        let concurrency = usize::from(self.handler.descriptor.concurrency());
        if !self.deliveries.has_ready() || self.running >= concurrency {
            return None;
        }
        let round = self.handler.breaker().next_round();
        match round {
            None => self.probe_at = None,
            Some(round) if self.probes > 0 && self.probes < round.size => {}
            // A session at this pace starts when a round is due.
            Some(_) if pace == Pace::Probe && self.probe_at.is_none() => {}
            Some(round) => {
                let at = *self.probe_at.get_or_insert(now + round.wait);
                if self.running > 0 || at > now {
                    return None;
                }
            }
        }
        let pending = self.deliveries.start()?;
        self.running += 1;
        self.probes += u16::from(round.is_some());
        Some((pending, round.is_some()))
    }

    /// Frees the place of an attempt whose handler has returned. The last one of a round ends the round.
    pub(super) fn release(&mut self, now: Duration) {
        self.running -= 1;
        if self.probes > 0 && self.running == 0 {
            self.probes = 0;
            let mut breaker = self.handler.breaker();
            breaker.round_failed();
            self.probe_at = breaker.next_round().map(|round| now + round.wait);
        }
    }

    /// When the next retry or probe is due.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let can_probe = self.deliveries.has_ready() && self.running == 0;
        let probe = self.probe_at.filter(|_| can_probe);
        [probe, self.deliveries.next_due()].into_iter().flatten().min()
    }
}
