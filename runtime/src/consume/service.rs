//! The state that all consumers of a running app share: its bus, the names of its queues, its shutdown.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::bus::Bus;
use crate::error::Result;
use crate::handler::delivery::AppHandle;
use crate::handler::extract::RunningHandle;
use crate::retry;
use crate::topology::{Names, Plan};

use super::delay_queues::DelayQueues;
use super::trials::Trials;

#[derive(Clone)]
pub(crate) struct Service(Arc<ServiceInner>);

struct ServiceInner {
    name: Arc<str>,
    names: Names,
    return_exchange: String,
    bus: Bus,
    plan: Plan,
    ladder: Vec<Duration>,
    delay_queues: DelayQueues,
    trials: Trials,
    stopping: watch::Receiver<bool>,
    app_handle: Arc<AppHandle>,
}

impl Service {
    pub(crate) fn new(name: &str, bus: Bus, plan: Plan, stopping: watch::Receiver<bool>) -> Self {
        let handle = RunningHandle::new(bus.clone(), stopping.clone());
        Self(Arc::new(ServiceInner {
            name: name.into(),
            return_exchange: Names::of(name).returns(),
            names: Names::of(name),
            ladder: retry::ladder(bus.config().speed_up),
            bus,
            plan,
            delay_queues: DelayQueues::default(),
            trials: Trials::default(),
            stopping,
            app_handle: Arc::new(AppHandle::new(name.into(), handle)),
        }))
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    pub(crate) fn names(&self) -> &Names {
        &self.0.names
    }

    /// The exchange through which retries return. Kept as text, because each delivery is compared with it.
    pub(crate) fn return_exchange(&self) -> &str {
        &self.0.return_exchange
    }

    pub(crate) fn bus(&self) -> &Bus {
        &self.0.bus
    }

    /// All retry delays, after `speed_up`.
    pub(crate) fn ladder(&self) -> &[Duration] {
        &self.0.ladder
    }

    pub(crate) fn trials(&self) -> &Trials {
        &self.0.trials
    }

    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.0.stopping.clone()
    }

    /// Ready when the app stops.
    pub(crate) async fn stops(&self) {
        if self.stopping().wait_for(|stopping| *stopping).await.is_err() {
            // The app was dropped, which aborts every task.
            std::future::pending::<()>().await;
        }
    }

    /// The part of the app that extractors read.
    pub(crate) fn app_handle(&self) -> &Arc<AppHandle> {
        &self.0.app_handle
    }

    /// Declares the delay queue at its first use, and returns the result of [`DelayQueues::declared`].
    pub(crate) async fn delay(&self, queue: &str, delay: Duration) -> Result<Option<Instant>> {
        let inner = &self.0;
        let declare = async { inner.bus.declare(&Plan::delay(&inner.names, queue, delay)).await };
        let name = Names::delay(queue, delay);
        inner.delay_queues.declared(&name, declare).await
    }

    /// Makes the next use declare the delay queue again, because the queue of `declared_at` did not accept a message.
    pub(crate) async fn doubt_delay(&self, queue: &str, delay: Duration, declared_at: Instant) {
        let name = Names::delay(queue, delay);
        self.0.delay_queues.doubt(&name, declared_at).await;
    }

    /// Declares the whole topology except the delay queues.
    pub(crate) async fn declare_again(&self) -> Result<()> {
        self.0.bus.declare(&self.0.plan).await
    }

    /// Declares the part of the topology that one queue needs.
    pub(crate) async fn declare_queue_again(&self, queue: &str) -> Result<()> {
        self.0.bus.declare(&self.0.plan.of_queue(queue)).await
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Service").field(&self.0.name).finish()
    }
}
