//! What all handlers of one running app share: the bus they publish on, the names of what they own, the way out.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::bus::Bus;
use crate::error::Result;
use crate::topology::{Names, Plan};

/// What all handlers of one running app share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service(Arc<Inner>);

struct Inner {
    name: Arc<str>,
    names: Names,
    returns: String,
    bus: Bus,
    plan: Plan,
    ladder: Vec<Duration>,
    declared: Mutex<HashSet<Duration>>,
    stopping: watch::Receiver<bool>,
}

impl Service {
    pub(crate) fn new(name: &str, bus: Bus, plan: Plan, stopping: watch::Receiver<bool>) -> Self {
        Self(Arc::new(Inner {
            name: name.into(),
            returns: Names::of(name).returns(),
            names: Names::of(name),
            ladder: super::retry::ladder(bus.config().speed_up),
            bus,
            plan,
            declared: Mutex::default(),
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

    /// Declares the queue of one delay, once, unless it is in the plan: that of a `retry_after` which no handler's rungs
    /// have.
    ///
    /// # Errors
    /// When the broker refuses it.
    pub(crate) async fn declare_delay(&self, delay: Duration) -> Result<()> {
        let name = self.0.names.delay(delay);
        if self.0.plan.queues.iter().any(|queue| queue.name == name) || self.declared().contains(&delay) {
            return Ok(());
        }
        let plan = Plan::delay(&self.0.names, delay);
        self.0.bus.declare(&plan).await?;
        tokio::time::sleep(self.0.bus.broker().fresh_for()).await;
        self.declared().insert(delay);
        Ok(())
    }

    /// Declares everything again: something that a publish needed was not there any more.
    ///
    /// # Errors
    /// When the broker refuses it.
    pub(crate) async fn declare_again(&self) -> Result<()> {
        let mut plan = self.0.plan.clone();
        let delays: Vec<Duration> = self.declared().iter().copied().collect();
        delays
            .into_iter()
            .for_each(|delay| plan.merge(Plan::delay(&self.0.names, delay)));
        self.0.bus.declare(&plan).await
    }

    /// Declares again what one queue needs.
    ///
    /// # Errors
    /// When the broker refuses it.
    pub(crate) async fn declare_queue_again(&self, queue: &str) -> Result<()> {
        self.0.bus.declare(&self.0.plan.of_queue(queue)).await
    }

    fn declared(&self) -> std::sync::MutexGuard<'_, HashSet<Duration>> {
        self.0.declared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Service").field(&self.0.name).finish()
    }
}
