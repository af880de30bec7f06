//! A running app: what can be asked of it and done to it until it ends.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::app::describe::Description;
use crate::app::health::{HandlerHealth, HandlerState, Health};
use crate::app::retired::unbind;
use crate::app::signal::{self, Signals};
use crate::app::spec::{Handler, Parts, patterns_of};
use crate::broker::QueueSource;
use crate::bus::Bus;
use crate::bus::config::Declare;
use crate::consume::bound_handler::BoundHandler;
use crate::consume::consumed_queue::ConsumedQueue;
use crate::consume::consumer::Consumer;
use crate::consume::queue_handlers::QueueHandlers;
use crate::consume::redelivery_tracker::RedeliveryTracker;
use crate::consume::retired_queue::RetiredQueue;
use crate::consume::service::Service;
use crate::consume::status::{ConsumerState, ConsumerStatus, DesiredState};
use crate::error::{ConfigError, Result, ShutdownError};
use crate::topology::Names;

/// A running app. Dropping it ends its handlers at once; what they held returns to its queues.
#[must_use = "a running app ends when it is dropped"]
pub struct RunningApp {
    service: Service,
    description: Description,
    queues: Vec<RunningQueue>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    stopping: watch::Sender<bool>,
    shutdown_timeout: Duration,
}

/// A queue as the running app steers it.
struct RunningQueue {
    name: Arc<str>,
    workers: Vec<Arc<BoundHandler>>,
    wanted: watch::Sender<DesiredState>,
    status: Arc<ConsumerStatus>,
}

impl RunningApp {
    /// Declares what the handlers need, and subscribes them all.
    pub(crate) async fn start(parts: Parts, bus: Bus) -> Result<Self> {
        let config = bus.config();
        let plan = match config.declare {
            Declare::Auto => parts.plan(&config.exchange),
            // Who makes nothing cannot make a delay when a retry needs it.
            Declare::Verify | Declare::Off => parts.whole_plan(&config.exchange, config.speed_up),
        };
        bus.declare(&plan).await?;
        let drained = retire(&parts, &bus).await?;
        let (stopping, stops) = watch::channel(false);
        let service = Service::new(&parts.service, bus.for_service(&parts.service), plan, stops);
        let mut running = Self {
            service,
            description: parts.describe(&config.exchange, config.speed_up),
            queues: Vec::new(),
            tasks: Mutex::default(),
            stopping,
            shutdown_timeout: parts.shutdown_timeout,
        };
        for queue in drained {
            let drain = RetiredQueue::new(running.service.clone(), queue);
            running.tasks.get_mut().push(tokio::spawn(drain.run()));
        }
        let starts: Vec<_> = parts
            .queues()
            .into_iter()
            .map(|(queue, handlers)| running.start_consumer(&parts, queue, &handlers))
            .collect();
        for start in join_all(starts).await {
            // A consumer that is gone before it said how it started was aborted with its runtime.
            start.unwrap_or(Ok(()))?;
        }
        Ok(running)
    }

    /// Starts the consumer of one queue; the answer says whether its first subscription succeeded.
    fn start_consumer(
        &mut self,
        parts: &Parts,
        queue: &str,
        handlers: &[&Handler],
    ) -> oneshot::Receiver<Result<()>> {
        let config = self.service.bus().config();
        let name: Arc<str> = self.service.names().queue(queue).into();
        let source = if handlers.iter().any(|handler| handler.descriptor.ephemeral()) {
            let patterns = patterns_of(handlers).into_iter().map(str::to_owned).collect();
            QueueSource::Ephemeral {
                exchange: config.exchange.to_string(),
                patterns,
            }
        } else {
            QueueSource::Named(Arc::clone(&name))
        };
        let workers: Vec<Arc<BoundHandler>> = handlers
            .iter()
            .map(|handler| Arc::new(parts.worker(handler, config.speed_up)))
            .collect();
        let queue = ConsumedQueue {
            service: self.service.clone(),
            name: Arc::clone(&name),
            source,
            prefetch: handlers
                .iter()
                .map(|handler| handler.descriptor.prefetch())
                .max()
                .unwrap_or(1),
            handlers: QueueHandlers::new(workers.clone()),
            desired: watch::Sender::new(DesiredState::Run),
            status: Arc::default(),
            redeliveries: RedeliveryTracker::default(),
        };
        let (wanted, status) = (queue.desired.clone(), Arc::clone(&queue.status));
        self.queues.push(RunningQueue {
            name,
            workers,
            wanted,
            status,
        });
        let (started, start) = oneshot::channel();
        self.tasks
            .get_mut()
            .push(tokio::spawn(Consumer::new(queue).run(started)));
        start
    }

    /// The service's name.
    pub fn service(&self) -> &str {
        self.service.name()
    }

    /// The bus, publishing in the name of this service: for what it publishes outside of its handlers, in answer to a
    /// request for example.
    pub fn bus(&self) -> &Bus {
        self.service.bus()
    }

    /// How the app is: the bus, and each of its handlers.
    pub fn health(&self) -> Health {
        let handlers = self.queues.iter().flat_map(|queue| {
            let state = queue.status.get();
            queue
                .workers
                .iter()
                .map(move |worker| handler_health(queue, worker, &state))
        });
        Health {
            bus: self.service.bus().health(),
            handlers: handlers.collect(),
        }
    }

    /// What the app is: its handlers, and all that it has on the broker.
    pub fn describe(&self) -> &Description {
        &self.description
    }

    /// Lets a handler take no further deliveries until it is resumed; what it runs it finishes. Handlers that share its
    /// queue pause with it.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) when there is no handler of this name.
    pub fn pause(&self, handler: &str) -> Result<()> {
        self.want(handler, DesiredState::Run, DesiredState::Pause)
    }

    /// Lets a paused handler take deliveries again.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) when there is no handler of this name.
    pub fn resume(&self, handler: &str) -> Result<()> {
        self.want(handler, DesiredState::Pause, DesiredState::Run)
    }

    fn want(&self, handler: &str, from: DesiredState, to: DesiredState) -> Result<()> {
        let named = |queue: &&RunningQueue| queue.workers.iter().any(|worker| worker.name() == handler);
        let Some(queue) = self.queues.iter().find(named) else {
            let known: Vec<&str> = self
                .queues
                .iter()
                .flat_map(|queue| &queue.workers)
                .map(|worker| worker.name())
                .collect();
            let text = format!("there is no handler `{handler}`; there are {}", known.join(", "));
            return Err(ConfigError::new(text).into());
        };
        queue.wanted.send_if_modified(|wanted| {
            let changes = *wanted == from;
            if changes {
                queue
                    .status
                    .command_sent(self.service.bus().broker().clock().hold());
                *wanted = to;
                queue
                    .status
                    .command_sent(self.service.bus().broker().clock().hold());
            }
            changes
        });
        Ok(())
    }

    /// Shuts the app down: it takes no further deliveries, its handlers finish, and what has not started returns to
    /// its queues. The bus stays open.
    ///
    /// # Errors
    /// [`Error::Shutdown`](crate::Error::Shutdown) when handlers were still running at the deadline; their deliveries
    /// return to their queues.
    pub async fn shutdown(&self) -> Result<()> {
        self.stopping.send_replace(true);
        self.tell_all(DesiredState::Drain);
        let deadline = Instant::now() + self.shutdown_timeout;
        if tokio::time::timeout_at(deadline, self.ended()).await.is_ok() {
            return Ok(());
        }
        let unfinished = self.unfinished();
        self.tell_all(DesiredState::Abort);
        self.ended().await;
        Err(ShutdownError { unfinished }.into())
    }

    /// Waits for SIGTERM or ctrl-c, then shuts the app down; a second signal ends it at once. What
    /// [`App::run`](crate::App::run) does, for a service that needs the running app meanwhile: for its health, say.
    ///
    /// # Errors
    /// As [`shutdown`](Self::shutdown), also at a second signal; and [`Error::Config`](crate::Error::Config) when the
    /// system lets no one listen for signals.
    pub async fn until_signal(&self) -> Result<()> {
        self.until(signal::listen()?).await
    }

    pub(crate) async fn until(&self, mut signals: Signals) -> Result<()> {
        signals.next().await;
        tracing::info!(
            service = self.service(),
            "shutting down; a second signal ends it at once"
        );
        tokio::select! {
            result = self.shutdown() => result,
            () = signals.next() => self.abort(),
        }
    }

    /// Waits until every consumer has ended. Who stops waiting may wait again: a task that was seen to end is gone
    /// from the list.
    async fn ended(&self) {
        let mut tasks = self.tasks.lock().await;
        while let Some(task) = tasks.last_mut() {
            let _ = task.await;
            tasks.pop();
        }
    }

    /// Ends the app at once: handlers are dropped where they stand, and their deliveries return to their queues.
    ///
    /// # Errors
    /// [`Error::Shutdown`](crate::Error::Shutdown) when handlers were running.
    pub fn abort(&self) -> Result<()> {
        self.stopping.send_replace(true);
        let unfinished = self.unfinished();
        self.tell_all(DesiredState::Abort);
        if unfinished.is_empty() {
            Ok(())
        } else {
            Err(ShutdownError { unfinished }.into())
        }
    }

    fn tell_all(&self, wanted: DesiredState) {
        self.queues.iter().for_each(|queue| {
            queue.wanted.send_if_modified(|now| {
                // Once it is to end at once it cannot be asked to drain.
                let changes = *now != wanted && *now != DesiredState::Abort;
                if changes {
                    *now = wanted;
                }
                changes
            });
        });
    }

    fn unfinished(&self) -> Vec<String> {
        let running = self
            .queues
            .iter()
            .filter(|queue| queue.status.get() != ConsumerState::Stopped);
        running.map(|queue| format!("`{}`", queue.name)).collect()
    }
}

/// Unbinds what the app has retired; gives the queues that are to be drained.
async fn retire(parts: &Parts, bus: &Bus) -> Result<Vec<Arc<str>>> {
    let config = bus.config();
    let mut drained = Vec::new();
    if config.declare != Declare::Auto {
        if !parts.retired.is_empty() {
            tracing::info!("what is retired stays as it is: the bus does not declare");
        }
        return Ok(drained);
    }
    let names = Names::of(&parts.service);
    for retired in &parts.retired {
        let is_drained = parts.is_drained(retired);
        let bindings = retired.bindings(&names, &config.exchange, is_drained);
        unbind(bus.broker().as_ref(), &bindings).await?;
        if is_drained {
            drained.push(names.queue(&retired.queue).into());
        }
    }
    Ok(drained)
}

fn handler_health(queue: &RunningQueue, worker: &BoundHandler, state: &ConsumerState) -> HandlerHealth {
    use std::sync::atomic::Ordering::Relaxed;
    let state = match state {
        ConsumerState::Starting => HandlerState::Starting,
        ConsumerState::Running if worker.breaker().is_open() => HandlerState::BreakerOpen,
        ConsumerState::Running => HandlerState::Running,
        ConsumerState::Paused => HandlerState::Paused,
        ConsumerState::BreakerOpen => HandlerState::BreakerOpen,
        ConsumerState::Failing(why) => HandlerState::Failing(why.clone()),
        ConsumerState::Stopped => HandlerState::Stopped,
    };
    HandlerHealth {
        name: worker.name(),
        queue: queue.name.to_string(),
        state,
        trouble: worker.trouble(),
        handled: worker.counts.handled.load(Relaxed),
        retried: worker.counts.retried.load(Relaxed),
        dead_lettered: worker.counts.dead_lettered.load(Relaxed),
        ignored: worker.counts.ignored.load(Relaxed),
    }
}

impl Drop for RunningApp {
    fn drop(&mut self) {
        self.tell_all(DesiredState::Abort);
    }
}

impl std::fmt::Debug for RunningApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningApp")
            .field("service", &self.service())
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}
