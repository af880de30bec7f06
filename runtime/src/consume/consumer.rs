//! A consumer subscribes to one queue, runs a session on the subscription, and repeats both until the app ends.

use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use crate::backoff::Backoff;
use crate::broker::{Subscribe, Subscription, acknowledgement_timed_out};
use crate::clock::Awake;
use crate::error::Error;
use crate::telemetry;
use crate::wire::error_text;

use super::consumed_queue::{ConsumedQueue, SubscriptionEnd};
use super::session::{ConsumerSession, Pace, SessionEnd};
use super::status::{ConsumerState, DesiredState};

/// The wait after a failed subscription, doubled up to the maximum.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(5);

/// A subscription that ends sooner counts as failed, so that the consumer does not flood a broker that cancels at once.
const MIN_LIFETIME: Duration = Duration::from_secs(1);

/// A consumer that is cancelled after a shorter time did not exceed the broker's timeout.
const MIN_CONSUMER_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) struct Consumer {
    queue: ConsumedQueue,
    desired: watch::Receiver<DesiredState>,
    backoff: Backoff,
    /// Stops a virtual clock between two subscriptions, while the broker does not know of this consumer.
    awake: Option<Awake>,
}

impl Consumer {
    pub(crate) fn new(queue: ConsumedQueue) -> Self {
        Self {
            desired: queue.desired.subscribe(),
            backoff: Backoff::new(FIRST_WAIT, MAX_WAIT),
            awake: Some(queue.stop_clock()),
            queue,
        }
    }

    /// Runs until the app drains or aborts the consumer. `started` receives the result of the first subscription.
    pub(crate) async fn run(mut self, started: oneshot::Sender<Result<(), Error>>) {
        let mut started = Some(started);
        while let Some(pace) = self.next_pace().await {
            let subscription = match self.subscribe(pace).await {
                Ok(subscription) => subscription,
                Err(error) => {
                    if let Some(started) = started.take() {
                        let _ = started.send(Err(error));
                        break;
                    }
                    self.subscribe_failed(&error).await;
                    continue;
                }
            };
            if let Some(started) = started.take() {
                let _ = started.send(Ok(()));
            }
            self.queue.status.set(if pace == Pace::Probe {
                ConsumerState::BreakerOpen
            } else {
                ConsumerState::Running
            });
            let since = Instant::now();
            let end = ConsumerSession::new(&mut self.queue, subscription, pace, &mut self.awake)
                .run(&mut self.desired)
                .await;
            if self.queue.is_ephemeral() && end != SessionEnd::Stopped {
                telemetry::ephemeral_gap(&self.queue.name);
            }
            match end {
                SessionEnd::Stopped => break,
                SessionEnd::Cancelled => self.cancelled(since.elapsed()).await,
                SessionEnd::Recycled | SessionEnd::Paused | SessionEnd::Pace(_) => {}
            }
        }
        self.queue.lost_runs.finish(&mut self.desired).await;
    }

    async fn subscribe(&self, pace: Pace) -> Result<Box<dyn Subscription>, Error> {
        let queue = &self.queue;
        let prefetch = pace.prefetch(queue);
        let subscribe = Subscribe {
            queue: queue.source.clone(),
            prefetch,
            suspects: queue.suspects(),
            single_active: queue.has_single_active(),
            consumer: format!("{}.{}", queue.service.name(), queue.handlers[0].name()),
        };
        let subscription = queue.service.bus().broker().subscribe(subscribe).await?;
        tracing::debug!(queue = subscription.queue(), "subscribed");
        Ok(subscription)
    }

    /// Waits until the consumer may subscribe, and returns the pace of its next session; `None` when it must end.
    async fn next_pace(&mut self) -> Option<Pace> {
        loop {
            match self.queue.read_desired(&mut self.desired) {
                DesiredState::Drain | DesiredState::Abort => return None,
                DesiredState::Pause => {
                    self.queue.status.set(ConsumerState::Paused);
                    self.awake = None;
                    self.desired.changed().await.ok()?;
                    self.awake = Some(self.queue.stop_clock());
                }
                DesiredState::Run => match self.probe_after() {
                    None => return Some(Pace::Full),
                    Some(wait) => {
                        self.queue.status.set(ConsumerState::BreakerOpen);
                        let sleep = self.queue.clock().sleep(wait);
                        self.awake = None;
                        tokio::select! {
                            changed = self.desired.changed() => changed.ok()?,
                            awake = sleep => {
                                self.awake = Some(awake);
                                return Some(Pace::Probe);
                            }
                        }
                        self.awake = Some(self.queue.stop_clock());
                    }
                },
            }
        }
    }

    /// How long to wait for the next probes, for a queue that returns its deliveries while the breaker is open.
    fn probe_after(&self) -> Option<Duration> {
        if self.queue.keeps_deliveries_while_open() {
            None
        } else {
            let round = self.queue.handlers[0].breaker().next_round()?;
            Some(round.wait)
        }
    }

    /// Handles a subscription that the broker ended after `lifetime`.
    async fn cancelled(&mut self, lifetime: Duration) {
        let reason = self.end_reason().await;
        telemetry::consumer_cancelled(&self.queue.name, &reason);
        let state = ConsumerState::Failing(format!("the broker ended its subscription: {reason}"));
        self.queue.status.set(state);
        self.queue.status.set_last_end(reason);
        if lifetime < MIN_LIFETIME {
            self.wait_for_backoff().await;
        } else {
            self.backoff.reset();
        }
        self.declare_again().await;
    }

    /// Why the broker ended the subscription. RabbitMQ 4.3 cancels a consumer that does not acknowledge in time, without
    /// a reason. Otherwise it cancels the consumers of a queue that is gone.
    async fn end_reason(&mut self) -> String {
        let SubscriptionEnd { reason, unacked_for } = std::mem::take(&mut self.queue.ended);
        if let Some(reason) = reason {
            return reason;
        }
        let bus = self.queue.service.bus();
        if unacked_for >= MIN_CONSUMER_TIMEOUT && bus.broker().has_queue(&self.queue.name).await == Ok(true) {
            return acknowledgement_timed_out(unacked_for);
        }
        "the broker cancelled the consumer, because its queue was deleted or moved".to_owned()
    }

    async fn subscribe_failed(&mut self, error: &Error) {
        self.awake = None;
        let text = error_text::one_line(error);
        tracing::warn!(queue = self.queue.name.as_ref(), error = text, "subscribe failed");
        self.queue.status.set(ConsumerState::Failing(text));
        self.wait_for_backoff().await;
        self.declare_again().await;
        self.awake = Some(self.queue.stop_clock());
    }

    /// Declares the queue and its bindings again: someone may have deleted the queue, or created it without bindings.
    async fn declare_again(&mut self) {
        // A deletion can happen between the declaration of the queue and of its bindings, and a retry can then create
        // the queue without bindings. A subscription to it would miss events, so the consumer declares once more first.
        if self.try_to_declare().await.is_err() {
            self.wait_for_backoff().await;
            let _ = self.try_to_declare().await;
        }
    }

    async fn try_to_declare(&mut self) -> Result<(), Error> {
        let declared = tokio::select! {
            _ = self.desired.changed() => return Ok(()),
            declared = self.queue.service.declare_queue_again(&self.queue.name) => declared,
        };
        if let Err(error) = &declared {
            let text = error_text::one_line(error);
            tracing::warn!(queue = self.queue.name.as_ref(), error = text, "declare failed");
        }
        declared
    }

    /// Waits for the backoff, or until the desired state changes.
    async fn wait_for_backoff(&mut self) {
        tokio::select! {
            _ = self.desired.changed() => {}
            () = tokio::time::sleep(self.backoff.next_wait()) => {}
        }
    }
}

/// A tokio runtime that ends drops its tasks, and health must not report their last state.
impl Drop for Consumer {
    fn drop(&mut self) {
        self.queue.status.set(ConsumerState::Stopped);
    }
}
