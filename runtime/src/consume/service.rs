//! What all handlers of one running app share: the bus they publish on, the names of what they own, the way out.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::bus::Bus;
use crate::error::Result;
use crate::topology::{Names, Plan};

use super::delay_queues::DelayQueues;

/// What all handlers of one running app share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service(Arc<ServiceInner>);

struct ServiceInner {
    name: Arc<str>,
    names: Names,
    returns: String,
    bus: Bus,
    plan: Plan,
    ladder: Vec<Duration>,
    delays: DelayQueues,
    stopping: watch::Receiver<bool>,
}

impl Service {
    pub(crate) fn new(name: &str, bus: Bus, plan: Plan, stopping: watch::Receiver<bool>) -> Self {
        Self(Arc::new(ServiceInner {
            name: name.into(),
            returns: Names::of(name).returns(),
            names: Names::of(name),
            ladder: crate::retry::ladder(bus.config().speed_up),
            bus,
            plan,
            delays: DelayQueues::default(),
            stopping,
        }))
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    pub(crate) fn names(&self) -> &Names {
        &self.0.names
    }

    /// The exchange through which its retries come back: asked for with every delivery.
    pub(crate) fn returns(&self) -> &str {
        &self.0.returns
    }

    pub(crate) fn bus(&self) -> &Bus {
        &self.0.bus
    }

    /// All retry delays there are, as scaled.
    pub(crate) fn ladder(&self) -> &[Duration] {
        &self.0.ladder
    }

    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.0.stopping.clone()
    }

    /// Since when the queue is there in which what `queue` hands out waits for `delay`. It is declared at its first use;
    /// `None` when another's attempt at that has failed meanwhile.
    ///
    /// # Errors
    /// When the broker refuses it.
    pub(crate) async fn delay(&self, queue: &str, delay: Duration) -> Result<Option<Instant>> {
        let declare = async {
            self.0
                .bus
                .declare(&Plan::delay(&self.0.names, queue, delay))
                .await
        };
        self.0.delays.declared(&Names::delay(queue, delay), declare).await
    }

    /// The delay's queue, there since `since`, did not take a message: it is declared anew at its next use.
    pub(crate) async fn doubt_delay(&self, queue: &str, delay: Duration, since: Instant) {
        self.0.delays.doubt(&Names::delay(queue, delay), since).await;
    }

    /// Declares everything again but the delays: something that a publish needed was not there any more.
    ///
    /// # Errors
    /// When the broker refuses it.
    pub(crate) async fn declare_again(&self) -> Result<()> {
        self.0.bus.declare(&self.0.plan).await
    }

    /// Declares again what one queue needs.
    ///
    /// # Errors
    /// When the broker refuses it.
    pub(crate) async fn declare_queue_again(&self, queue: &str) -> Result<()> {
        self.0.bus.declare(&self.0.plan.of_queue(queue)).await
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Service").field(&self.0.name).finish()
    }
}
