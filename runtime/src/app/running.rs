//! A running app: its start, its health, pausing and shutdown.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::JoinHandle;

use crate::app::describe::Description;
use crate::app::health::{HandlerHealth, HandlerState, Health};
use crate::app::retired::unbind;
use crate::app::signal::{self, Signals};
use crate::app::spec::{AppSpec, RegisteredHandler, patterns_of};
use crate::broker::QueueSource;
use crate::bus::Bus;
use crate::bus::config::Declare;
use crate::clock::deadline_after;
use crate::consume::bound_handler::BoundHandler;
use crate::consume::consumed_queue::{ConsumedQueue, SubscriptionEnd};
use crate::consume::consumer::Consumer;
use crate::consume::lost_runs::LostRuns;
use crate::consume::queue_handlers::QueueHandlers;
use crate::consume::redelivery_tracker::RedeliveryTracker;
use crate::consume::retired_queue::RetiredQueue;
use crate::consume::service::Service;
use crate::consume::status::{ConsumerState, ConsumerStatus, DesiredState};
use crate::error::{ConfigError, Result, ShutdownError};
use crate::topology::Names;

/// An app that [`App::start`](crate::App::start) has started.
///
/// Dropping it stops its handlers at once, and their unsettled deliveries return to their queues. Use
/// [`shutdown`](Self::shutdown) to let the handlers finish.
#[must_use = "a running app ends when it is dropped"]
pub struct RunningApp {
    service: Service,
    description: Description,
    queues: Vec<RunningQueue>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    stopping: watch::Sender<bool>,
    shutdown_timeout: Duration,
}

/// A queue, and the handles to control its consumer.
struct RunningQueue {
    name: Arc<str>,
    handlers: Vec<Arc<BoundHandler>>,
    desired: watch::Sender<DesiredState>,
    status: Arc<ConsumerStatus>,
}

impl RunningApp {
    pub(crate) async fn start(spec: AppSpec, bus: Bus) -> Result<Self> {
        let config = bus.config();
        let plan = match config.declare {
            Declare::Auto => spec.plan(&config.exchange),
            // Such a service cannot declare a delay queue when a retry needs one, so all of them must exist.
            Declare::Verify | Declare::Off => spec.full_plan(&config.exchange, config.speed_up),
        };
        if spec.handlers.is_empty() {
            tracing::info!(
                service = spec.service,
                "an app without handlers started; it only publishes"
            );
        }
        bus.declare(&plan).await?;
        let drained_queues = retire(&spec, &bus).await?;
        let (stopping, stops) = watch::channel(false);
        let service = Service::new(&spec.service, bus.for_service(&spec.service), plan, stops);
        let mut running = Self {
            service,
            description: spec.describe(&config.exchange, config.speed_up),
            queues: Vec::new(),
            tasks: Mutex::default(),
            stopping,
            shutdown_timeout: spec.shutdown_timeout,
        };
        for queue in drained_queues {
            let drain = RetiredQueue::new(running.service.clone(), queue);
            running.tasks.get_mut().push(tokio::spawn(drain.run()));
        }
        let starts: Vec<_> = spec
            .queues()
            .into_iter()
            .map(|(queue, handlers)| running.start_consumer(&spec, queue, &handlers))
            .collect();
        for start in join_all(starts).await {
            // The sender is dropped without a result only when the tokio runtime aborted the consumer.
            start.unwrap_or(Ok(()))?;
        }
        Ok(running)
    }

    /// Starts the consumer of one queue. The receiver gets the result of its first subscription.
    fn start_consumer(
        &mut self,
        spec: &AppSpec,
        queue: &str,
        handlers: &[&RegisteredHandler],
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
        let bound: Vec<Arc<BoundHandler>> = handlers
            .iter()
            .map(|handler| Arc::new(spec.bind(handler, config.speed_up)))
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
            handlers: QueueHandlers::new(bound.clone()),
            desired: watch::Sender::new(DesiredState::Run),
            status: Arc::default(),
            redeliveries: RedeliveryTracker::default(),
            ended: SubscriptionEnd::default(),
            lost_runs: LostRuns::default(),
        };
        self.queues.push(RunningQueue {
            name,
            handlers: bound,
            desired: queue.desired.clone(),
            status: Arc::clone(&queue.status),
        });
        let (started, start) = oneshot::channel();
        self.tasks
            .get_mut()
            .push(tokio::spawn(Consumer::new(queue).run(started)));
        start
    }

    /// Returns the name of the service.
    pub fn service(&self) -> &str {
        self.service.name()
    }

    /// Returns a bus that publishes with this service as the source.
    ///
    /// Use it to publish outside of the handlers, for example while answering an HTTP request.
    pub fn bus(&self) -> &Bus {
        self.service.bus()
    }

    /// Returns the health of the bus and of each handler.
    pub fn health(&self) -> Health {
        let handlers = self.queues.iter().flat_map(|queue| {
            let state = queue.status.get();
            queue
                .handlers
                .iter()
                .map(move |handler| handler_health(queue, handler, &state))
        });
        Health {
            bus: self.service.bus().health(),
            handlers: handlers.collect(),
        }
    }

    /// Returns the description of the app: its handlers and its topology.
    pub fn describe(&self) -> &Description {
        &self.description
    }

    /// Pauses a handler: it finishes its running attempts and receives no further deliveries until it is
    /// [resumed](Self::resume). Handlers that share its queue pause too.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) when the app has no handler with this name.
    pub fn pause(&self, handler: &str) -> Result<()> {
        self.change_state(handler, DesiredState::Run, DesiredState::Pause)
    }

    /// Resumes a paused handler, and the handlers that share its queue.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) when the app has no handler with this name.
    pub fn resume(&self, handler: &str) -> Result<()> {
        self.change_state(handler, DesiredState::Pause, DesiredState::Run)
    }

    fn change_state(&self, handler: &str, from: DesiredState, to: DesiredState) -> Result<()> {
        let has_handler = |queue: &&RunningQueue| queue.handlers.iter().any(|bound| bound.name() == handler);
        let Some(queue) = self.queues.iter().find(has_handler) else {
            let known: Vec<&str> = self
                .queues
                .iter()
                .flat_map(|queue| &queue.handlers)
                .map(|handler| handler.name())
                .collect();
            let text = format!("there is no handler `{handler}`; there are {}", known.join(", "));
            return Err(ConfigError::new(text).into());
        };
        queue.desired.send_if_modified(|desired| {
            let changes = *desired == from;
            if changes {
                *desired = to;
                queue
                    .status
                    .command_sent(self.service.bus().broker().clock().hold());
            }
            changes
        });
        Ok(())
    }

    /// Shuts the app down gracefully.
    ///
    /// The app receives no further deliveries, and its handlers finish their running attempts. Deliveries whose attempt
    /// has not started return to their queues. The bus stays open. An app without handlers waits until the broker has
    /// confirmed the publishes in flight, at most until the [shutdown timeout](crate::App::shutdown_timeout).
    ///
    /// # Errors
    /// [`Error::Shutdown`](crate::Error::Shutdown) when handlers were still running after the
    /// [shutdown timeout](crate::App::shutdown_timeout). They are stopped, and their deliveries return to their queues.
    pub async fn shutdown(&self) -> Result<()> {
        self.stopping.send_replace(true);
        self.change_all_states(DesiredState::Drain);
        let deadline = deadline_after(self.shutdown_timeout);
        if tokio::time::timeout_at(deadline, self.ended()).await.is_ok() {
            if self.queues.is_empty() {
                // The callers of the publishes get their results, so a timeout is no error here.
                let _ = tokio::time::timeout_at(deadline, self.bus().flushed()).await;
            }
            return Ok(());
        }
        let unfinished = self.unfinished();
        self.change_all_states(DesiredState::Abort);
        self.ended().await;
        Err(ShutdownError { unfinished }.into())
    }

    /// Waits for SIGTERM or ctrl-c, then shuts the app down. A second signal stops the handlers at once.
    ///
    /// [`App::run`](crate::App::run) does the same. Use this method when the service needs the running app meanwhile,
    /// for example to report its health.
    ///
    /// # Errors
    /// - [`Error::Shutdown`](crate::Error::Shutdown) when handlers were still running after the shutdown timeout, or at
    ///   the second signal.
    /// - [`Error::Config`](crate::Error::Config) when the operating system does not install the signal handler.
    pub async fn until_signal(&self) -> Result<()> {
        self.until(signal::listen()?).await
    }

    pub(crate) async fn until(&self, mut signals: Signals) -> Result<()> {
        signals.next().await;
        tracing::info!(service = self.service(), "shutting down");
        tokio::select! {
            result = self.shutdown() => result,
            () = signals.next() => self.abort(),
        }
    }

    /// Waits until every task has ended. A cancelled call can be repeated, because ended tasks leave the list.
    async fn ended(&self) {
        let mut tasks = self.tasks.lock().await;
        while let Some(task) = tasks.last_mut() {
            let _ = task.await;
            tasks.pop();
        }
    }

    /// Stops the app at once. Running handlers are cancelled, and their deliveries return to their queues.
    ///
    /// # Errors
    /// [`Error::Shutdown`](crate::Error::Shutdown) when consumers were still running.
    pub fn abort(&self) -> Result<()> {
        self.stopping.send_replace(true);
        let unfinished = self.unfinished();
        self.change_all_states(DesiredState::Abort);
        if unfinished.is_empty() {
            Ok(())
        } else {
            Err(ShutdownError { unfinished }.into())
        }
    }

    fn change_all_states(&self, to: DesiredState) {
        self.queues.iter().for_each(|queue| {
            queue.desired.send_if_modified(|desired| {
                // Abort is final: a consumer that aborts cannot drain any more.
                let changes = *desired != to && *desired != DesiredState::Abort;
                if changes {
                    *desired = to;
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

/// Removes the retired bindings. Returns the queues to drain.
async fn retire(spec: &AppSpec, bus: &Bus) -> Result<Vec<Arc<str>>> {
    let config = bus.config();
    let mut drained_queues = Vec::new();
    if config.declare != Declare::Auto {
        if !spec.retired.is_empty() {
            tracing::info!(
                service = spec.service,
                "retired queues not removed: the bus does not declare"
            );
        }
        return Ok(drained_queues);
    }
    let names = Names::of(&spec.service);
    for retired in &spec.retired {
        let is_drained = spec.is_drained(retired);
        let bindings = retired.bindings(&names, &config.exchange, is_drained);
        unbind(bus.broker().as_ref(), &bindings).await?;
        if is_drained {
            drained_queues.push(names.queue(&retired.queue).into());
        }
    }
    Ok(drained_queues)
}

fn handler_health(queue: &RunningQueue, handler: &BoundHandler, state: &ConsumerState) -> HandlerHealth {
    use std::sync::atomic::Ordering::Relaxed;
    let state = match state {
        ConsumerState::Starting => HandlerState::Starting,
        ConsumerState::Running if handler.breaker().is_open() => HandlerState::BreakerOpen,
        ConsumerState::Running => HandlerState::Running,
        ConsumerState::Paused => HandlerState::Paused,
        ConsumerState::BreakerOpen => HandlerState::BreakerOpen,
        ConsumerState::Failing(why) => HandlerState::Failing(why.clone()),
        ConsumerState::Stopped => HandlerState::Stopped,
    };
    HandlerHealth {
        name: handler.name(),
        queue: queue.name.to_string(),
        state,
        trouble: handler.trouble(),
        last_end: queue.status.last_end(),
        handled: handler.counts.handled.load(Relaxed),
        retried: handler.counts.retried.load(Relaxed),
        dead_lettered: handler.counts.dead_lettered.load(Relaxed),
        ignored: handler.counts.ignored.load(Relaxed),
        set_aside: handler.counts.set_aside.load(Relaxed),
    }
}

impl Drop for RunningApp {
    fn drop(&mut self) {
        self.change_all_states(DesiredState::Abort);
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
