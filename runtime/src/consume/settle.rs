//! A delivery on its way to being settled: the step that its outcome asks for, carried out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::bus::unconfirmed::Unconfirmed;
use crate::context::Context;
use crate::error::PublishFault;
use crate::handler::delivery::Delivery;
use crate::handler::returns::Returned;
use crate::message::Message;
use crate::message::reason::Reason;
use crate::message::timestamp::Timestamp;
use crate::telemetry::{self, Sent};
use crate::topology::Names;
use crate::wire::error_text;
use crate::wire::ids::returned_event_id;
use crate::wire::origin::Origin;
use crate::wire::republish::{Destination, RepublishDetails, RepublishKind, republish};

use super::attempt::panic_text;
use super::bound_handler::{BoundHandler, HandlerCounts};
use super::outcome::{self, AttemptLimits, BoxError, Outcome, Settlement};
use super::service::Service;
use crate::retry::rung_at_least;

/// How long a failed publish of ours waits before it is tried again: from the first to the last, doubling.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LAST_WAIT: Duration = Duration::from_secs(15);

/// A delivery with all that settling it needs.
#[derive(Clone)]
pub(crate) struct Settler {
    pub(crate) service: Service,
    pub(crate) worker: Arc<BoundHandler>,
    pub(crate) queue: Arc<str>,
    pub(crate) message: Arc<Message>,
    pub(crate) origin: Origin,
    /// Which attempt it is: that of the origin, or a later one in place.
    pub(crate) attempt: u32,
    /// Whether the broker hands the delivery out again, whatever becomes of it here.
    pub(crate) lost: Arc<AtomicBool>,
    /// How long it has waited in place.
    pub(crate) waited: Duration,
    /// The delivery, unless it never came to be one.
    pub(crate) delivery: Option<Delivery>,
}

/// How a step ended.
#[derive(Debug)]
pub(crate) enum Settled {
    /// The broker may forget the delivery.
    Done { dead_lettered: bool },
    /// It stays here, for another attempt after the delay.
    RetryInPlace {
        delay: Duration,
        next_attempt: u32,
        error: String,
    },
    /// It is left to the broker, which hands it out again.
    Abandoned,
}

/// How long a delivery may wait in place in all: well within the time a consumer may hold it.
const LONGEST_IN_PLACE: Duration = Duration::from_mins(10);

impl Settler {
    /// Decides the step for an outcome, and carries it out.
    pub(crate) async fn settle(&self, outcome: Outcome, counts: bool) -> Settled {
        let step = outcome.at(self.judged_attempt(counts));
        match step {
            Settlement::Publish(returned) => self.publish(returned, counts).await,
            // Sent on to a delay or to the dead letters it would be there twice.
            _ if self.is_lost() => Settled::Abandoned,
            step => self.carry_out(step).await,
        }
    }

    /// The same, whatever panics on the way.
    pub(crate) async fn settle_guarded(self, outcome: Outcome, counts: bool) -> Settled {
        match AssertUnwindSafe(self.settle(outcome, counts))
            .catch_unwind()
            .await
        {
            Ok(carried) => carried,
            // Nothing of the handler's is left that could panic, but who waits for this news waits for ever.
            Err(panic) => {
                let text = panic_text(panic);
                let outcome = Outcome::retry(format!("settling it panicked: {text}"));
                self.settle(outcome, counts).await
            }
        }
    }

    fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    fn judged_attempt(&self, counts: bool) -> AttemptLimits<'_> {
        let handler = &self.worker.descriptor;
        AttemptLimits {
            number: self.attempt,
            // An ephemeral queue has no name that a delayed delivery could come back under.
            most: if handler.ephemeral() && self.delivery.is_none() {
                0
            } else {
                handler.attempts()
            },
            rungs: &self.worker.rungs,
            ladder: self.service.ladder(),
            // What no handler has seen waits nowhere in particular: it climbs the ladder like any other.
            in_place: (handler.ordered() || handler.ephemeral()) && self.delivery.is_some(),
            place_left: LONGEST_IN_PLACE.saturating_sub(self.waited),
            keeps_dead_letters: !handler.ephemeral(),
            counts,
        }
    }

    async fn carry_out(&self, step: Settlement) -> Settled {
        let counts = &self.worker.counts;
        match step {
            Settlement::Acknowledge => {
                HandlerCounts::add(&counts.handled);
                Settled::Done { dead_lettered: false }
            }
            Settlement::Publish(_) => unreachable!("publishing is settled before"),
            Settlement::WaitInPlace {
                delay,
                next_attempt,
                error,
            } => {
                HandlerCounts::add(&counts.retried);
                let error = written(error);
                telemetry::retried(self, delay, &error);
                Settled::RetryInPlace {
                    delay,
                    next_attempt,
                    error,
                }
            }
            Settlement::Delay {
                delay,
                next_attempt,
                error,
            } => {
                HandlerCounts::add(&counts.retried);
                let error = written(error);
                telemetry::retried(self, delay, &error);
                let kind = RepublishKind::Retry {
                    attempt: next_attempt,
                };
                self.delay(delay, kind, Some(&error)).await
            }
            Settlement::DeadLetter { reason, error } => {
                HandlerCounts::add(&counts.dead_lettered);
                let error = written(error);
                telemetry::dead_lettered(self, reason, &error);
                self.dead_letter(reason, &error).await
            }
            Settlement::Drop { reason, error } => {
                HandlerCounts::add(&counts.dead_lettered);
                telemetry::dead_lettered(self, reason, &written(error));
                Settled::Done { dead_lettered: false }
            }
        }
    }

    /// Publishes the handler's events, each under an id that follows from the delivery: a handler that runs twice
    /// publishes the same facts twice, not two facts.
    async fn publish(&self, returned: Returned, counts: bool) -> Settled {
        let Some(delivery) = &self.delivery else {
            return Settled::Done { dead_lettered: false };
        };
        let bus = self.service.bus();
        let messages = Context::of_delivery(delivery).sync_scope(|| {
            returned
                .events
                .iter()
                .enumerate()
                .map(|(ordinal, event)| {
                    let id = returned_event_id(delivery.id(), &self.queue, &event.event_type, ordinal);
                    bus.message(event, &id.to_string(), crate::Headers::new())
                        .map(Arc::new)
                })
                .collect::<Result<Vec<_>, _>>()
        });
        let mut unsent = match messages {
            Ok(messages) => messages,
            Err(fault) => {
                let step = outcome::unpublishable(fault).at(self.judged_attempt(counts));
                return self.carry_out(step).await;
            }
        };
        let mut wait = FIRST_WAIT;
        loop {
            let results = join_all(
                unsent
                    .iter()
                    .map(|message| bus.publish_message(Arc::clone(message), false)),
            )
            .await;
            let mut failed = Vec::new();
            let mut last = None;
            for (message, result) in unsent.into_iter().zip(results) {
                let kind = message.properties.kind().unwrap_or_default();
                match &result {
                    Ok(()) => telemetry::published(kind, Sent::other()),
                    Err(error) => telemetry::publish_failed(kind, &error.fault, error.maybe_delivered),
                }
                if let Err(error) = result {
                    failed.push(message);
                    last = Some(error);
                }
            }
            match last {
                None => {
                    self.worker.set_trouble(None);
                    HandlerCounts::add(&self.worker.counts.handled);
                    return Settled::Done { dead_lettered: false };
                }
                Some(Unconfirmed {
                    fault: PublishFault::Closed,
                    ..
                }) => return Settled::Abandoned,
                Some(Unconfirmed {
                    fault: PublishFault::Unpublishable(fault),
                    ..
                }) => {
                    let step = outcome::unpublishable(fault).at(self.judged_attempt(counts));
                    return self.carry_out(step).await;
                }
                Some(error) => self.trouble("cannot publish the events that it returned", &error.fault),
            }
            unsent = failed;
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LAST_WAIT);
        }
    }

    /// Lets it come back behind all others of its queue, with what is known of it. Returned, it would be counted again
    /// up to RabbitMQ 4.2, and be handed out next; and only after a delay do all who let go of it take care.
    pub(crate) async fn set_aside(&self, returns: u32) -> Settled {
        telemetry::set_aside(self.worker.name(), &self.queue);
        let kind = RepublishKind::SetAside {
            attempt: self.attempt,
            returns,
        };
        let delay = rung_at_least(self.service.ladder(), Duration::ZERO);
        self.delay(delay, kind, self.origin.last_error.as_deref()).await
    }

    async fn delay(&self, delay: Duration, kind: RepublishKind, error: Option<&str>) -> Settled {
        let exchange = self.service.names().delays();
        let key = Names::delay(&self.queue, delay);
        let to = Destination {
            exchange: &exchange,
            routing_key: &key,
        };
        self.send_on(to, error, kind, Some(delay)).await
    }

    async fn dead_letter(&self, reason: Reason, error: &str) -> Settled {
        let exchange = self.service.names().dead();
        let key = Names::dead_letters(&self.queue);
        let to = Destination {
            exchange: &exchange,
            routing_key: &key,
        };
        let kind = RepublishKind::DeadLetter {
            reason,
            attempts: self.attempt,
            at: Timestamp::now(),
        };
        match self.send_on(to, Some(error), kind, None).await {
            Settled::Done { .. } => Settled::Done { dead_lettered: true },
            other => other,
        }
    }

    async fn send_on(
        &self,
        to: Destination<'_>,
        error: Option<&str>,
        kind: RepublishKind,
        delay: Option<Duration>,
    ) -> Settled {
        let bus = self.service.bus();
        let redact = bus.config().redact.as_deref();
        let details = RepublishDetails {
            service: self.service.name(),
            handler: self.worker.name(),
            queue: &self.queue,
            first_received_at: self.origin.first_received_at,
            error,
            redact,
            kind,
        };
        self.send_ours(
            republish(&self.message, &self.origin, to, &details, bus.limits()),
            delay,
        )
        .await
    }

    /// The text of an error as it may be kept.
    pub(crate) fn redacted(&self, text: &str) -> String {
        error_text::redacted(text, self.service.bus().config().redact.as_deref())
    }

    /// Publishes a message of the runtime's own until it is confirmed: what it needs is declared again when it is not
    /// there, and the delivery stays unsettled meanwhile.
    ///
    /// A delay's queue that was just declared is not to be trusted yet, so the delivery stays unsettled until it is. It
    /// does not wait itself before it is published: its rung would be as much longer. At worst it comes twice.
    async fn send_ours(&self, message: Message, delay: Option<Duration>) -> Settled {
        let message = Arc::new(message);
        let mut wait = FIRST_WAIT;
        while !self.is_lost() {
            let since = match delay {
                Some(delay) => Some(self.delay_declared(delay).await),
                None => None,
            };
            match self
                .service
                .bus()
                .publish_message(Arc::clone(&message), true)
                .await
            {
                Ok(()) => {
                    self.worker.set_trouble(None);
                    if let Some(since) = since {
                        let fresh_for = self.service.bus().broker().fresh_for();
                        tokio::time::sleep_until(since + fresh_for).await;
                    }
                    return Settled::Done { dead_lettered: false };
                }
                Err(Unconfirmed {
                    fault: PublishFault::Closed,
                    ..
                }) => return Settled::Abandoned,
                Err(unsent) => {
                    self.trouble("cannot publish to its delay or dead-letter queue", &unsent.fault);
                    if let (Some(delay), Some(since)) = (delay, since) {
                        self.service.doubt_delay(&self.queue, delay, since).await;
                    }
                    if let Err(error) = self.service.declare_again().await {
                        self.trouble("cannot declare its topology again", &error);
                    }
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LAST_WAIT);
        }
        // Whoever gets it next has its own troubles.
        self.worker.set_trouble(None);
        Settled::Abandoned
    }

    /// Since when the delay's queue is there for sure. Where it cannot be declared it may be there all the same, made by
    /// another, and no earlier than now for all we know.
    async fn delay_declared(&self, delay: Duration) -> Instant {
        match self.service.delay(&self.queue, delay).await {
            Ok(Some(since)) => since,
            // Who tried has told.
            Ok(None) => Instant::now(),
            Err(error) => {
                self.trouble("cannot declare its delay queue", &error);
                Instant::now()
            }
        }
    }

    fn trouble(&self, what: &str, error: &(dyn std::error::Error + 'static)) {
        let text = error_text::chain(error).replace('\n', ": ");
        tracing::warn!(handler = self.worker.name(), "{what}: {text}");
        self.worker.set_trouble(Some(format!("{what}: {text}")));
    }
}

/// The text of an error with its causes. The error is the handler's own, and may panic when it is written, and again
/// when it is dropped: before anything is published, so that nothing is published twice.
fn written(error: BoxError) -> String {
    let quietly = |work: &mut dyn FnMut()| catch_unwind(AssertUnwindSafe(work)).map_err(panic_text);
    let mut text = "the handler's error panicked when it was written".to_owned();
    let _ = quietly(&mut || text = error_text::chain(error.as_ref()));
    let mut error = Some(error);
    let _ = quietly(&mut || drop(error.take()));
    text
}
