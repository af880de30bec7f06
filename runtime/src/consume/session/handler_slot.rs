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
    /// When the next probe may start, while the breaker is open and the queue keeps its deliveries.
    probe_at: Option<Duration>,
    is_probing: bool,
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
            is_probing: false,
            inline_execution: InlineExecution::default(),
        }
    }

    /// Takes the next delivery that may start, and says whether it is a probe.
    pub(super) fn take_next(&mut self, pace: Pace, now: Duration) -> Option<(PendingDelivery, bool)> {
        let concurrency = usize::from(self.handler.descriptor.concurrency());
        if !self.deliveries.has_ready() || self.running >= concurrency {
            return None;
        }
        let probe_after = self.handler.breaker().probe_after();
        match probe_after {
            None => self.probe_at = None,
            Some(_) if pace == Pace::Probe => {}
            Some(wait) => {
                let at = *self.probe_at.get_or_insert(now + wait);
                if self.is_probing || self.running > 0 || at > now {
                    return None;
                }
            }
        }
        let pending = self.deliveries.start()?;
        self.running += 1;
        self.is_probing = probe_after.is_some();
        Some((pending, self.is_probing))
    }

    /// Frees the place of an attempt whose handler has returned.
    pub(super) fn release(&mut self, now: Duration) {
        self.running -= 1;
        if std::mem::take(&mut self.is_probing) {
            self.probe_at = self.handler.breaker().probe_after().map(|wait| now + wait);
        }
    }

    /// When the next retry or probe is due.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let can_probe = self.deliveries.has_ready() && !self.is_probing && self.running == 0;
        let probe = self.probe_at.filter(|_| can_probe);
        [probe, self.deliveries.next_due()].into_iter().flatten().min()
    }
}
