//! A queue with its handlers, and the state that outlives a subscription.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::broker::{QueueSource, Suspects};
use crate::clock::{Awake, Clock};

use super::lost_runs::LostRuns;
use super::queue_handlers::QueueHandlers;
use super::redelivery_tracker::RedeliveryTracker;
use super::route;
use super::service::Service;
use super::status::{ConsumerStatus, DesiredState};

pub(crate) struct ConsumedQueue {
    pub(crate) service: Service,
    pub(crate) name: Arc<str>,
    pub(crate) source: QueueSource,
    pub(crate) prefetch: u16,
    pub(crate) handlers: QueueHandlers,
    pub(crate) desired: watch::Sender<DesiredState>,
    pub(crate) status: Arc<ConsumerStatus>,
    pub(crate) redeliveries: RedeliveryTracker,
    pub(crate) lost_runs: LostRuns,
    /// How the broker ended the last subscription.
    pub(crate) ended: SubscriptionEnd,
}

#[derive(Debug, Default)]
pub(crate) struct SubscriptionEnd {
    /// `None` when the broker gave no reason.
    pub(crate) reason: Option<String>,
    /// How long the oldest delivery had been unacknowledged.
    pub(crate) unacked_for: Duration,
}

impl ConsumedQueue {
    pub(crate) fn clock(&self) -> &Clock {
        self.service.bus().broker().clock()
    }

    /// Stops a virtual clock until the returned value is dropped.
    pub(crate) fn stop_clock(&self) -> Awake {
        self.clock().hold()
    }

    /// Reads the state that the app wants. The sender of a command stops a virtual clock until this call, so the
    /// consumer must have stopped the clock itself.
    pub(crate) fn read_desired(&self, desired: &mut watch::Receiver<DesiredState>) -> DesiredState {
        // The borrow locks the value, so a later command cannot be marked as received here.
        let now = desired.borrow_and_update();
        self.status.command_received();
        *now
    }

    pub(crate) fn is_ephemeral(&self) -> bool {
        matches!(self.source, QueueSource::Ephemeral { .. })
    }

    pub(crate) fn is_ordered(&self) -> bool {
        self.handlers.ordered()
    }

    pub(crate) fn has_single_active(&self) -> bool {
        self.handlers
            .iter()
            .any(|handler| handler.descriptor.single_active())
    }

    /// Whether the consumer keeps its deliveries while a breaker is open, or returns those that have not started.
    ///
    /// An ordered queue keeps them, because another instance could receive the first of them before the last has
    /// returned. A shared queue keeps them, because its other handlers continue. The broker would delete an ephemeral
    /// queue with its subscription.
    pub(crate) fn keeps_deliveries_while_open(&self) -> bool {
        self.handlers.len() > 1 || self.is_ordered() || self.is_ephemeral()
    }

    /// Tells the broker which deliveries to hand out one by one at the start of a subscription.
    ///
    /// After a crash, the deliveries of the dead process are first in the queue. If the process keeps ending soon after
    /// its start, only the deliveries that it has received return with a higher count. The session itself runs the
    /// suspects of an ordered queue one by one. A queue with a single active consumer has no unsettled deliveries
    /// elsewhere.
    pub(crate) fn suspects(&self) -> Option<Suspects> {
        if self.is_ephemeral() || self.is_ordered() || self.has_single_active() {
            return None;
        }
        let (queue, service) = (Arc::clone(&self.name), self.service.clone());
        let redeliveries = self.redeliveries.clone();
        Some(Suspects(Arc::new(move |incoming| {
            let returns = redeliveries.unexplained_returns(incoming.delivery_count, &incoming.message);
            route::is_suspect(incoming, returns, &queue, &service)
        })))
    }
}
