//! The settlement of a delivery: its outcome is carried out until the delivery can be acknowledged.

use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::context::Context;
use crate::error::PublishFault;
use crate::event::AnyEvent;
use crate::event::payload::Unpublishable;
use crate::handler::delivery::Delivery;
use crate::handler::error::BoxError;
use crate::handler::returns::Returned;
use crate::message::Message;
use crate::message::reason::Reason;
use crate::message::timestamp::Timestamp;
use crate::telemetry::{self, DeliveryFields, EventLabels};
use crate::topology::Names;
use crate::wire::error_text;
use crate::wire::ids::returned_event_id;
use crate::wire::origin::{AttemptNumber, Origin};
use crate::wire::read;
use crate::wire::republish::{Destination, RepublishDetails, RepublishKind, republish};

use super::bound_handler::{BoundHandler, HandlerCounts};
use super::handler_call::panic_text;
use super::outcome::{self, AttemptLimits, Outcome, Settlement};
use super::session_context::SessionContext;

/// The wait after a failed publish, doubled up to the maximum.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const MAX_WAIT: Duration = Duration::from_secs(15);

/// The longest total wait of a delivery in place, well below the time after which the broker closes the channel.
const MAX_IN_PLACE: Duration = Duration::from_mins(10);

/// Settles one delivery.
#[derive(Clone)]
pub(crate) struct Settler {
    pub(crate) session: Arc<SessionContext>,
    pub(crate) handler: Arc<BoundHandler>,
    pub(crate) message: Arc<Message>,
    pub(crate) origin: Origin,
    /// The number of this attempt. Retries in place count on from the attempt of the origin.
    pub(crate) attempt: AttemptNumber,
    /// How long the delivery has waited in place.
    pub(crate) waited: Duration,
    /// `None` for a delivery that no handler runs.
    pub(crate) delivery: Option<Delivery>,
}

/// How the settlement of a delivery ended.
#[derive(Debug)]
pub(crate) enum Settled {
    /// The session may acknowledge the delivery.
    Done { dead_lettered: bool },
    /// The delivery stays in the session, for another attempt after the delay.
    RetryInPlace {
        delay: Duration,
        next: AttemptNumber,
        error: String,
    },
    /// The subscription was lost before anything was published. The redelivery is settled with this outcome.
    Lost { outcome: Box<Outcome>, counts: bool },
    /// The delivery is left unsettled, and the broker redelivers it.
    Abandoned,
}

impl Settler {
    pub(crate) fn without_handler(
        session: Arc<SessionContext>,
        handler: Arc<BoundHandler>,
        message: Arc<Message>,
        origin: Origin,
    ) -> Self {
        Self {
            session,
            handler,
            message,
            attempt: origin.attempt,
            origin,
            waited: Duration::ZERO,
            delivery: None,
        }
    }

    /// Decides how to settle the delivery, and does so. `counts` says whether the attempt counts towards the maximum.
    pub(crate) async fn settle(&self, outcome: Outcome, counts: bool) -> Settled {
        if !outcome.is_done() {
            return self.settle_failed(outcome, counts).await;
        }
        match outcome.settlement(self.limits(counts)) {
            Settlement::Publish(returned) => match self.publish(returned).await {
                Ok(settled) => settled,
                Err(fault) => self.settle_failed(outcome::unpublishable(fault), counts).await,
            },
            settlement => self.carry_out(settlement).await,
        }
    }

    async fn settle_failed(&self, outcome: Outcome, counts: bool) -> Settled {
        if self.session.is_lost() {
            // The broker redelivers it, so a retry or a dead letter that is published now would be a second copy.
            let outcome = Box::new(outcome);
            return Settled::Lost { outcome, counts };
        }
        let settlement = outcome.settlement(self.limits(counts));
        self.carry_out(settlement).await
    }

    /// As [`settle`](Self::settle), but a panic becomes a retry.
    pub(crate) async fn settle_guarded(self, outcome: Outcome, counts: bool) -> Settled {
        match AssertUnwindSafe(self.settle(outcome, counts))
            .catch_unwind()
            .await
        {
            Ok(settled) => settled,
            // No code of the handler runs any more, so nothing should panic here. If something does, the session must
            // still get its report.
            Err(panic) => {
                let text = panic_text(panic);
                let outcome = Outcome::retry(format!("settling the delivery panicked: {text}"));
                self.settle(outcome, counts).await
            }
        }
    }

    /// Publishes the delivery, with the number of its returns, to the delay queue of this rung. From there it comes back
    /// behind all other deliveries of its queue.
    ///
    /// A requeue would not help: up to RabbitMQ 4.2 it counts as one more return, and the message comes back first.
    pub(crate) async fn set_aside(&self, returns: u32, rung: usize) -> Settled {
        HandlerCounts::add(&self.handler.counts.set_aside);
        self.log(|fields| telemetry::set_aside(fields, returns));
        let kind = RepublishKind::SetAside {
            next: self.attempt,
            returns,
        };
        let delay = self.session.service.ladder()[rung];
        let error = self.origin.last_error.as_deref();
        self.delay(delay, kind, error).await
    }

    fn limits(&self, counts: bool) -> AttemptLimits<'_> {
        let handler = &self.handler.descriptor;
        AttemptLimits {
            number: self.attempt,
            // An ephemeral queue has no fixed name, so a delayed delivery could not return to it.
            max: if handler.ephemeral() && self.delivery.is_none() {
                0
            } else {
                handler.attempts()
            },
            rungs: &self.handler.rungs,
            ladder: self.session.service.ladder(),
            // A delivery without a handler has no place in a delivery queue, so it uses the delay queues.
            in_place: self.handler.retries_in_place() && self.delivery.is_some(),
            in_place_left: MAX_IN_PLACE.saturating_sub(self.waited),
            keeps_dead_letters: !handler.ephemeral(),
            counts,
        }
    }

    async fn carry_out(&self, settlement: Settlement) -> Settled {
        let counts = &self.handler.counts;
        match settlement {
            Settlement::Acknowledge => {
                HandlerCounts::add(&counts.handled);
                Settled::Done { dead_lettered: false }
            }
            Settlement::Publish(_) => unreachable!("`settle` publishes"),
            Settlement::RetryInPlace { delay, next, error } => {
                let error = self.retry_scheduled(delay, error);
                Settled::RetryInPlace { delay, next, error }
            }
            Settlement::Delay { delay, next, error } => {
                let error = self.retry_scheduled(delay, error);
                let kind = RepublishKind::Retry { next };
                self.delay(delay, kind, Some(&error)).await
            }
            Settlement::DeadLetter { reason, error } => {
                let error = self.dead_lettered(reason, error);
                self.dead_letter(reason, &error).await
            }
            Settlement::Drop { reason, error } => {
                self.dead_lettered(reason, error);
                Settled::Done { dead_lettered: false }
            }
        }
    }

    fn retry_scheduled(&self, delay: Duration, error: BoxError) -> String {
        HandlerCounts::add(&self.handler.counts.retried);
        let ErrorTexts { full, without_data } = error_to_texts(error);
        self.log(|fields| telemetry::retry_scheduled(fields, delay, &self.redacted(&without_data)));
        full
    }

    fn dead_lettered(&self, reason: Reason, error: BoxError) -> String {
        HandlerCounts::add(&self.handler.counts.dead_lettered);
        let ErrorTexts { full, without_data } = error_to_texts(error);
        self.log(|fields| telemetry::dead_lettered(fields, reason.as_str(), &self.redacted(&without_data)));
        full
    }

    /// Publishes the events that the handler returned, until the broker has confirmed each of them. Their ids are
    /// derived from the delivery, so a handler that runs twice publishes the same ids again. When the app stops, events
    /// that failed once are left to the next run.
    ///
    /// # Errors
    /// When an event can never be published.
    async fn publish(&self, returned: Returned) -> Result<Settled, Unpublishable> {
        let Some(delivery) = &self.delivery else {
            return Ok(Settled::Done { dead_lettered: false });
        };
        let mut unsent = self.messages(delivery, &returned)?;
        let mut backoff = Backoff::new(FIRST_WAIT, MAX_WAIT);
        let mut tried = self.try_to_publish(&mut unsent).await;
        while let Err(fault) = tried {
            match fault {
                PublishFault::Closed => return Ok(Settled::Abandoned),
                PublishFault::Unpublishable(error) => return Err(error),
                PublishFault::ForbiddenKey(why) => return Err(Unpublishable::Unacceptable(why)),
                error => self.set_trouble("cannot publish the events that it returned", &error),
            }
            let next_try = async {
                tokio::time::sleep(backoff.next_wait()).await;
                self.try_to_publish(&mut unsent).await
            };
            tried = tokio::select! {
                tried = next_try => tried,
                () = self.session.service.stops() => return Ok(Settled::Abandoned),
            };
        }
        self.handler.set_trouble(None);
        HandlerCounts::add(&self.handler.counts.handled);
        Ok(Settled::Done { dead_lettered: false })
    }

    fn messages(&self, delivery: &Delivery, returned: &Returned) -> Result<Vec<Arc<Message>>, Unpublishable> {
        let (bus, queue) = (self.session.service.bus(), &self.session.queue);
        let cause = delivery.metadata().identity();
        Context::of_delivery(delivery).sync_scope(|| {
            let events = returned.events.iter().enumerate();
            events
                .map(|(ordinal, event)| {
                    let id = returned_event_id(cause, queue, &event.event_type, ordinal);
                    bus.message(event, &id.to_string(), crate::Headers::new())
                        .map(Arc::new)
                })
                .collect()
        })
    }

    /// Publishes the messages once, and keeps those that failed. Returns the last error.
    async fn try_to_publish(&self, unsent: &mut Vec<Arc<Message>>) -> Result<(), PublishFault> {
        let bus = self.session.service.bus();
        let sends = unsent
            .iter()
            .map(|message| bus.publish_message(Arc::clone(message), false));
        let mut results = join_all(sends).await.into_iter();
        let mut tried = Ok(());
        unsent.retain(|message| {
            let event_type = message.properties.kind().unwrap_or_default();
            let Some(Err(error)) = results.next() else {
                telemetry::published(event_type, EventLabels::undeclared());
                return false;
            };
            telemetry::publish_failed(event_type, &error.fault, error.maybe_delivered);
            tried = Err(error.fault);
            true
        });
        tried
    }

    async fn delay(&self, delay: Duration, kind: RepublishKind, error: Option<&str>) -> Settled {
        let exchange = self.session.service.names().delays();
        let key = Names::delay(&self.session.queue, delay);
        let to = Destination {
            exchange: &exchange,
            routing_key: &key,
        };
        self.republish(to, error, kind, Some(delay)).await
    }

    async fn dead_letter(&self, reason: Reason, error: &str) -> Settled {
        let exchange = self.session.service.names().dead();
        let key = Names::dead_letters(&self.session.queue);
        let to = Destination {
            exchange: &exchange,
            routing_key: &key,
        };
        let kind = RepublishKind::DeadLetter {
            reason,
            attempts: self.attempt.number,
            at: Timestamp::now(),
        };
        match self.republish(to, Some(error), kind, None).await {
            Settled::Done { .. } => Settled::Done { dead_lettered: true },
            other => other,
        }
    }

    async fn republish(
        &self,
        to: Destination<'_>,
        error: Option<&str>,
        kind: RepublishKind,
        delay: Option<Duration>,
    ) -> Settled {
        let service = &self.session.service;
        let details = RepublishDetails {
            service: service.name(),
            handler: self.handler.name(),
            queue: &self.session.queue,
            first_received_at: self.origin.first_received_at,
            error,
            redact: service.bus().config().redact.as_deref(),
            kind,
        };
        let message = republish(&self.message, &self.origin, to, &details, service.bus().limits());
        self.send_until_confirmed(message, delay).await
    }

    /// Publishes a retry or a dead letter until the broker has confirmed it. The delivery stays unsettled meanwhile,
    /// and a missing exchange or queue is declared again.
    ///
    /// A new delay queue may still lose its messages (see [`Broker::fresh_for`]), so the delivery stays unsettled for
    /// that time after the confirm. A wait before the publish would lengthen the delay. At worst the delivery is
    /// handled twice.
    ///
    /// [`Broker::fresh_for`]: crate::broker::Broker::fresh_for
    async fn send_until_confirmed(&self, message: Message, delay: Option<Duration>) -> Settled {
        let service = &self.session.service;
        let message = Arc::new(message);
        let mut backoff = Backoff::new(FIRST_WAIT, MAX_WAIT);
        while !self.session.is_lost() {
            let declared_at = match delay {
                Some(delay) => Some(self.declare_delay(delay).await),
                None => None,
            };
            match service.bus().publish_message(Arc::clone(&message), true).await {
                Ok(()) => {
                    self.handler.set_trouble(None);
                    if let Some(declared_at) = declared_at {
                        let fresh_for = service.bus().broker().fresh_for();
                        tokio::time::sleep_until(declared_at + fresh_for).await;
                    }
                    return Settled::Done { dead_lettered: false };
                }
                Err(unsent) if matches!(unsent.fault, PublishFault::Closed) => return Settled::Abandoned,
                Err(unsent) => {
                    self.set_trouble("cannot publish to its delay or dead-letter queue", &unsent.fault);
                    if let (Some(delay), Some(declared_at)) = (delay, declared_at) {
                        service.doubt_delay(&self.session.queue, delay, declared_at).await;
                    }
                    if let Err(error) = service.declare_again().await {
                        self.set_trouble("cannot declare its topology again", &error);
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(backoff.next_wait()) => {}
                () = service.stops() => return Settled::Abandoned,
            }
        }
        // The next consumer of the delivery reports its own trouble.
        self.handler.set_trouble(None);
        Settled::Abandoned
    }

    /// Declares the delay queue if necessary, and returns the time of the declaration. After a failure this is the
    /// current time, because another instance may have declared the queue.
    async fn declare_delay(&self, delay: Duration) -> Instant {
        match self.session.service.delay(&self.session.queue, delay).await {
            Ok(Some(declared_at)) => declared_at,
            // Another delivery tried, failed and reported the error.
            Ok(None) => Instant::now(),
            Err(error) => {
                self.set_trouble("cannot declare its delay queue", &error);
                Instant::now()
            }
        }
    }

    fn set_trouble(&self, what: &str, error: &(dyn StdError + 'static)) {
        let text = format!("{what}: {}", error_text::one_line(error));
        tracing::warn!(
            handler = self.handler.name(),
            queue = self.session.queue.as_ref(),
            error = text,
            "settlement failed"
        );
        self.handler.set_trouble(Some(text));
    }

    fn redacted(&self, error: &str) -> String {
        let redact = &self.session.service.bus().config().redact;
        error_text::redacted(error, redact.as_deref())
    }

    /// Calls `log` with the fields of the delivery. An event that no handler runs is read here, as far as it can be.
    fn log(&self, log: impl FnOnce(DeliveryFields<'_>)) {
        let service = &self.session.service;
        if let Some(delivery) = &self.delivery {
            return log(delivery.log_fields(service.name()));
        }
        let event = read::read(&self.message, &self.origin, service.bus().limits());
        let event = event.as_ref().ok().map(AnyEvent::metadata);
        let properties = &self.message.properties;
        let (kind, id) = (properties.kind(), properties.message_id());
        let event_type = kind.unwrap_or(&self.origin.routing_key);
        let (event_id, correlation_id) = (
            id.unwrap_or_default(),
            properties.correlation_id().unwrap_or_default(),
        );
        log(DeliveryFields {
            service: service.name(),
            handler: self.handler.name(),
            queue: &self.session.queue,
            event_type: event.map_or(event_type, |event| &event.event_type),
            event_id: event.map_or(event_id, |event| &event.id),
            correlation_id: event.map_or(correlation_id, |event| &event.correlation_id),
            attempt: self.attempt.number,
        });
    }
}

/// The texts of a handler's error with its causes.
struct ErrorTexts {
    /// For the headers of the message, which has the data anyway.
    full: String,
    /// For the log.
    without_data: String,
}

/// The error may panic in its `Display` and in its `Drop`. Both run here, before anything is published, so that such a
/// panic cannot lead to a second publish.
fn error_to_texts(error: BoxError) -> ErrorTexts {
    let guarded = |work: &mut dyn FnMut()| catch_unwind(AssertUnwindSafe(work)).map_err(panic_text);
    let panicked = "the handler's error panicked while it was displayed".to_owned();
    let mut texts = ErrorTexts {
        full: panicked.clone(),
        without_data: panicked,
    };
    let _ = guarded(&mut || texts.full = error_text::chain(error.as_ref()));
    let _ = guarded(&mut || texts.without_data = error_text::chain_without_data(error.as_ref()));
    let mut error = Some(error);
    let _ = guarded(&mut || drop(error.take()));
    texts
}
