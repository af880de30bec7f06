//! A desk: one handler's place in a shift, and which of its deliveries may start next.

use std::sync::Arc;
use std::time::Duration;

use crate::consume::bound_handler::BoundHandler;
use crate::consume::consumer::Pace;
use crate::consume::delivery_queue::DeliveryQueue;
use crate::consume::pending_delivery::PendingDelivery;

use super::inline_execution::InlineExecution;

/// A handler's place in a shift.
pub(super) struct HandlerSlot {
    pub(super) worker: Arc<BoundHandler>,
    pub(super) lanes: DeliveryQueue,
    /// Whether it is looked at for what it holds.
    pub(super) is_occupied: bool,
    /// How many attempts run.
    busy: usize,
    /// When the next probe may start, while the breaker is open and the queue is held.
    probe_at: Option<Duration>,
    probing: bool,
    pub(super) swift: InlineExecution,
}

impl HandlerSlot {
    pub(super) fn new(worker: Arc<BoundHandler>) -> Self {
        let lanes = DeliveryQueue::new(worker.descriptor.ordered());
        Self {
            worker,
            lanes,
            is_occupied: false,
            busy: 0,
            probe_at: None,
            probing: false,
            swift: InlineExecution::default(),
        }
    }

    /// The next delivery that may start, and whether it is a probe.
    pub(super) fn next(&mut self, pace: Pace, now: Duration) -> Option<(PendingDelivery, bool)> {
        if !self.lanes.has_ready() || self.busy >= usize::from(self.worker.descriptor.concurrency()) {
            return None;
        }
        let probe = self.worker.breaker().probe_after();
        match probe {
            None => self.probe_at = None,
            Some(_) if pace == Pace::Probe => {}
            Some(wait) => {
                let at = *self.probe_at.get_or_insert(now + wait);
                if self.probing || self.busy > 0 || at > now {
                    return None;
                }
            }
        }
        let held = self.lanes.start()?;
        self.busy += 1;
        self.probing = probe.is_some();
        Some((held, self.probing))
    }

    /// An attempt has left its handler.
    pub(super) fn left(&mut self, now: Duration) {
        self.busy -= 1;
        if std::mem::take(&mut self.probing) {
            self.probe_at = self.worker.breaker().probe_after().map(|wait| now + wait);
        }
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        let probe = self
            .probe_at
            .filter(|_| self.lanes.has_ready() && !self.probing && self.busy == 0);
        [probe, self.lanes.next_due()].into_iter().flatten().min()
    }
}
