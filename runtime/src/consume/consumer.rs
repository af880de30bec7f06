//! A consumer: one queue and its handlers, from start to shutdown, through as many subscriptions as it takes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use crate::broker::{QueueSource, Subscribe, Suspects};
use crate::clock::{Awake, Clock};
use crate::error::Error;
use crate::telemetry;
use crate::wire::error_text;

use super::bound_handler::BoundHandler;
use super::queue_handlers::QueueHandlers;
use super::redelivery_tracker::RedeliveryTracker;
use super::route;
use super::service::Service;
use super::session::{ConsumerSession, SessionEnd};

/// How long a failed subscription waits before the next try: from the first to the last, doubling.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LAST_WAIT: Duration = Duration::from_secs(5);

/// A subscription that ends sooner has failed like one that the broker refused.
const LASTING: Duration = Duration::from_secs(1);

/// One queue and its handlers.
pub(crate) struct Consumer {
    pub(crate) service: Service,
    pub(crate) queue: Arc<str>,
    pub(crate) source: QueueSource,
    pub(crate) prefetch: u16,
    pub(crate) workers: QueueHandlers,
    pub(crate) wanted: watch::Sender<DesiredState>,
    pub(crate) status: Arc<ConsumerStatus>,
    pub(crate) harmless_returns: RedeliveryTracker,
}

/// What the app wants of a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DesiredState {
    /// Take deliveries.
    Run,
    /// Take none, and let others have what has not started.
    Pause,
    /// Take none, finish what runs, then end.
    Drain,
    /// End now.
    Abort,
}

/// How much a consumer takes at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As much as its prefetch.
    Full,
    /// One: among the deliveries are some that may end the process.
    Careful,
    /// One, to see whether the handler works again.
    Probe,
}

/// How a consumer is, for those who ask from outside.
#[derive(Debug, Default)]
pub(crate) struct ConsumerStatus {
    state: Mutex<ConsumerState>,
    called: Mutex<Option<Awake>>,
}

/// How a consumer is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum ConsumerState {
    #[default]
    Starting,
    Running,
    Paused,
    BreakerOpen,
    /// Not subscribed, for this reason.
    Failing(String),
    Stopped,
}

impl ConsumerStatus {
    pub(crate) fn get(&self) -> ConsumerState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps a virtual clock where it is until the consumer has heard what is wanted of it.
    pub(crate) fn call(&self, awake: Awake) {
        *self.called.lock().unwrap_or_else(PoisonError::into_inner) = Some(awake);
    }

    fn heard(&self) {
        *self.called.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn set(&self, state: ConsumerState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Consumer {
    /// Runs until it is drained or aborted. `started` hears whether the first subscription succeeded.
    pub(crate) async fn run(mut self, started: oneshot::Sender<Result<(), Error>>) {
        let mut started = Some(started);
        let mut wanted = self.wanted.subscribe();
        let mut careful = false;
        let mut wait = FIRST_WAIT;
        // Between two subscriptions nothing of this consumer is with the broker, and yet it is at work.
        let mut awake = Some(self.clock().hold());
        loop {
            let Some(pace) = self.next_pace(&mut wanted, careful, &mut awake).await else {
                break;
            };
            let subscribe = Subscribe {
                queue: self.source.clone(),
                prefetch: if pace == Pace::Full { self.prefetch } else { 1 },
                suspects: (pace == Pace::Full).then(|| self.suspects()).flatten(),
                consumer: format!("{}.{}", self.service.name(), self.workers[0].name()),
            };
            let subscription = match self.service.bus().broker().subscribe(subscribe).await {
                Ok(subscription) => subscription,
                Err(error) => {
                    if let Some(started) = started.take() {
                        let _ = started.send(Err(error));
                        break;
                    }
                    drop(awake.take());
                    self.failed(&error, &mut wanted, &mut wait).await;
                    awake = Some(self.clock().hold());
                    continue;
                }
            };
            tracing::debug!(queue = subscription.queue(), "subscribed");
            if let Some(started) = started.take() {
                let _ = started.send(Ok(()));
            }
            self.status.set(if pace == Pace::Probe {
                ConsumerState::BreakerOpen
            } else {
                ConsumerState::Running
            });
            let since = Instant::now();
            let exit = ConsumerSession::new(&mut self, subscription, pace, &mut awake)
                .run(&mut wanted)
                .await;
            if self.is_ephemeral() && exit != SessionEnd::Stopped {
                // Whatever comes before the next subscription is missed.
                telemetry::gap(&self.queue);
            }
            match exit {
                SessionEnd::Stopped => break,
                SessionEnd::Lost => {
                    careful = false;
                    self.lost(since.elapsed(), &mut wanted, &mut wait).await;
                }
                SessionEnd::Recycled | SessionEnd::Paused => careful = false,
                SessionEnd::Pace(pace) => careful = pace == Pace::Careful,
            }
        }
        self.status.set(ConsumerState::Stopped);
    }

    /// Waits until the consumer may subscribe, and says how much it then takes; `None` when it is to end.
    async fn next_pace(
        &self,
        wanted: &mut watch::Receiver<DesiredState>,
        careful: bool,
        awake: &mut Option<Awake>,
    ) -> Option<Pace> {
        loop {
            let now = self.hear(wanted);
            match now {
                DesiredState::Drain | DesiredState::Abort => return None,
                DesiredState::Pause => {
                    self.status.set(ConsumerState::Paused);
                    *awake = None;
                    wanted.changed().await.ok()?;
                    *awake = Some(self.clock().hold());
                }
                DesiredState::Run => match self.probe_after() {
                    None if careful => return Some(Pace::Careful),
                    None => return Some(Pace::Full),
                    Some(wait) => {
                        self.status.set(ConsumerState::BreakerOpen);
                        let sleep = self.clock().sleep(wait);
                        *awake = None;
                        tokio::select! {
                            changed = wanted.changed() => changed.ok()?,
                            woken = sleep => {
                                *awake = Some(woken);
                                return Some(Pace::Probe);
                            }
                        }
                        *awake = Some(self.clock().hold());
                    }
                },
            }
        }
    }

    /// What is wanted now. Whoever called holds a virtual clock until this, so the consumer itself must do so by then.
    pub(crate) fn hear(&self, wanted: &mut watch::Receiver<DesiredState>) -> DesiredState {
        // Under the lock of the value: a later call is not taken for heard.
        let now = wanted.borrow_and_update();
        self.status.heard();
        *now
    }

    fn clock(&self) -> &Clock {
        self.service.bus().broker().clock()
    }

    /// How long the breaker of a queue that is returned while it is open still waits.
    fn probe_after(&self) -> Option<Duration> {
        if self.holds_while_open() {
            None
        } else {
            self.workers[0].breaker().probe_after()
        }
    }

    /// Whether an open breaker keeps what was handed out. An ordered queue must not hand its head to another instance
    /// and its tail back; of a shared queue the other handlers go on; an ephemeral one goes with its subscription, and
    /// all that is in it. Any other queue returns what has not started.
    pub(crate) fn holds_while_open(&self) -> bool {
        self.workers.len() > 1 || self.is_ordered() || self.is_ephemeral()
    }

    pub(crate) fn is_ephemeral(&self) -> bool {
        matches!(self.source, QueueSource::Ephemeral { .. })
    }

    /// Whether any handler of the queue is ordered.
    pub(crate) fn is_ordered(&self) -> bool {
        self.workers.ordered()
    }

    /// What is handed out alone as long as it comes first. What came back when a process ended comes first, so one that
    /// was started again finds out which it was before it takes more.
    fn suspects(&self) -> Option<Suspects> {
        let has_one_active = |worker: &Arc<BoundHandler>| worker.descriptor.single_active();
        // An ordered queue has its own way; one with a single active consumer hands out nothing else.
        if self.is_ephemeral() || self.is_ordered() || self.workers.iter().any(has_one_active) {
            return None;
        }
        let (queue, service) = (Arc::clone(&self.queue), self.service.clone());
        let harmless_returns = self.harmless_returns.clone();
        Some(Suspects(Arc::new(move |incoming| {
            let returns = harmless_returns.subtract_from(incoming.delivery_count, &incoming.message);
            route::is_suspect(incoming, returns, &queue, &service)
        })))
    }

    /// The broker ended a subscription that lasted so long.
    async fn lost(&self, lasted: Duration, wanted: &mut watch::Receiver<DesiredState>, wait: &mut Duration) {
        let queue = self.queue.as_ref();
        tracing::warn!(queue, "the subscription ended; subscribing again");
        telemetry::subscription_lost(queue);
        self.status.set(ConsumerState::Failing(
            "the broker ended its subscription".to_owned(),
        ));
        if lasted < LASTING {
            rest(wanted, wait).await;
        } else {
            *wait = FIRST_WAIT;
        }
        // The queue may have been deleted, and may be there again by another's hand with a binding less than it needs.
        self.declare_again(wanted, wait).await;
    }

    async fn failed(&self, error: &Error, wanted: &mut watch::Receiver<DesiredState>, wait: &mut Duration) {
        let text = error_text::chain(error).replace('\n', ": ");
        tracing::warn!(queue = self.queue.as_ref(), "{text}");
        self.status.set(ConsumerState::Failing(text));
        rest(wanted, wait).await;
        self.declare_again(wanted, wait).await;
    }

    /// Declares what the queue needs, unless something else is wanted first: what is there already stays as it is.
    async fn declare_again(&self, wanted: &mut watch::Receiver<DesiredState>, wait: &mut Duration) {
        // A queue that is just being deleted is there for the declaration and gone for its bindings; and by the time we
        // subscribe a retry may have made it again, without them yet: what comes by until then would be missed.
        if self.try_to_declare(wanted).await.is_err() {
            rest(wanted, wait).await;
            let _ = self.try_to_declare(wanted).await;
        }
    }

    async fn try_to_declare(&self, wanted: &mut watch::Receiver<DesiredState>) -> Result<(), Error> {
        let declared = tokio::select! {
            _ = wanted.changed() => return Ok(()),
            declared = self.service.declare_queue_again(&self.queue) => declared,
        };
        if let Err(error) = &declared {
            tracing::warn!(
                queue = self.queue.as_ref(),
                "{}",
                error_text::chain(error).replace('\n', ": ")
            );
        }
        declared
    }
}

/// Waits, and longer the next time; at most until something else is wanted.
async fn rest(wanted: &mut watch::Receiver<DesiredState>, wait: &mut Duration) {
    tokio::select! {
        _ = wanted.changed() => {}
        () = tokio::time::sleep(*wait) => {}
    }
    *wait = (*wait * 2).min(LAST_WAIT);
}
