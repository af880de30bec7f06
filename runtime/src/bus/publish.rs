//! The life of one publish: from the encoded event to the broker's confirm.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use crate::broker::Publish;
use crate::bus::Bus;
use crate::bus::confirm::{Confirm, PendingConfirms, confirm_group};
use crate::bus::options::PublishOptions;
use crate::bus::unconfirmed::Unconfirmed;
use crate::clock::deadline_after;
use crate::context::current::Context;
use crate::context::trace::TraceContext;
use crate::error::{PublishError, PublishFault, Result};
use crate::event::payload::{self, EventName, Payload, Prepared, Unpublishable};
use crate::message::Message;
use crate::message::headers::Headers;
use crate::message::timestamp::Timestamp;
use crate::telemetry;
use crate::wire::ids::new_event_id;
use crate::wire::write::{self, OutgoingMetadata};

/// The delays between the attempts to publish a message that the broker refuses. A cluster that elects a new leader
/// refuses for some hundred milliseconds. The attempts are few, because each attempt reaches the healthy queues again.
const REFUSAL_DELAYS: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// A publish that runs when it is awaited: the future that [`Bus::publish`], [`Bus::publish_with`] and
/// [`Bus::publish_all`] return.
///
/// The event is encoded when the future is created, and sent when the future is first polled.
#[must_use = "an event is not sent until its publish is awaited"]
pub struct Publishing<'a, T = Result<String>>(Pin<Box<dyn Future<Output = T> + Send + 'a>>);

impl<'a, T> Publishing<'a, T> {
    pub(super) fn new(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self(Box::pin(future))
    }
}

impl<T> Future for Publishing<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<T> {
        self.0.as_mut().poll(context)
    }
}

impl<T> fmt::Debug for Publishing<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publishing").finish_non_exhaustive()
    }
}

impl Bus {
    /// Publishes one encoded event, and waits for the broker's confirm.
    pub(super) async fn publish_event(&self, event: EncodedEvent, options: PublishOptions) -> Result<String> {
        // `publish` has already encoded the event, so this future does not borrow it. The envelope adds id, time,
        // correlation and cause, and checks the limits of the wire format. It takes the current time and context when
        // this future is first polled, so that `context.scope(bus.publish(&event))` works.
        let outgoing = self.envelope(event, options, self.publish_deadline())?;
        let publish = &outgoing.publish;

        // At most `WINDOW` events are unconfirmed at once, which bounds the memory of this process. When the window is
        // full, this call waits until one of them is confirmed.
        let result = match self.window_slot(publish).await {
            Ok(slot) => {
                // The broker has its own connection and tasks. This call only queues the message, so it never waits.
                let pending = self.hand_to_broker(publish, slot);

                // The broker confirms a message after every queue that it routes to has stored it.
                self.confirmed(pending, publish.deadline).await
            }
            Err(timed_out) => Err(timed_out),
        };

        // A queue that is full, or elects a new leader, refuses messages for a short time. Boxed because refusals are
        // rare: otherwise the future of every publish would reserve room for the retries.
        let result = match result {
            Ok(()) => Ok(()),
            Err(unconfirmed) => Box::pin(self.publish_again(publish, unconfirmed)).await,
        };

        // Counts the publish, and turns the result into the event's id or a `PublishError`.
        outgoing.finish(result)
    }

    /// Publishes a message for a delivery (a returned event, a retry or a dead letter), and waits for its confirm.
    ///
    /// These messages take no slot in the window. The prefetch already bounds their number, and they must get through
    /// when publishers have filled the window.
    pub(crate) async fn publish_message(
        &self,
        message: Arc<Message>,
        mandatory: bool,
    ) -> Result<(), Unconfirmed> {
        let publish = OutgoingPublish {
            message,
            mandatory,
            in_window: false,
            deadline: self.publish_deadline(),
        };
        match self.publish_once(&publish).await {
            Ok(()) => Ok(()),
            Err(unconfirmed) => Box::pin(self.publish_again(&publish, unconfirmed)).await,
        }
    }

    /// The time by which a publish that starts now must be confirmed.
    pub(super) fn publish_deadline(&self) -> Instant {
        deadline_after(self.config().publish_timeout).into_std()
    }

    pub(super) fn envelope(
        &self,
        event: EncodedEvent,
        options: PublishOptions,
        deadline: Instant,
    ) -> Result<OutgoingEvent> {
        let EncodedEvent { name, prepared } = event;
        let event_id = options.id.unwrap_or_else(|| new_event_id().to_string());
        let message = prepared.and_then(|prepared| self.message(&prepared, &event_id, options.headers));
        match message {
            Ok(message) => Ok(OutgoingEvent {
                name,
                event_id,
                publish: OutgoingPublish {
                    message: Arc::new(message),
                    mandatory: options.mandatory,
                    in_window: true,
                    deadline,
                },
            }),
            Err(unpublishable) => Err(PublishError {
                event_type: name.event_type.into_owned(),
                event_id,
                fault: PublishFault::Unpublishable(unpublishable),
                maybe_delivered: false,
            }
            .into()),
        }
    }

    /// Builds the message of an event with the id `id`, the current time and the current context.
    pub(crate) fn message(
        &self,
        prepared: &Prepared,
        id: &str,
        headers: Headers,
    ) -> Result<Message, Unpublishable> {
        let context = Context::current();
        let context = context.as_ref();
        let service = self.service.as_ref().or(context.and_then(Context::service));
        let metadata = OutgoingMetadata {
            id,
            timestamp: Timestamp::now(),
            correlation_id: context.map_or(id, Context::correlation_id),
            causation_id: context.and_then(Context::causation_id),
            source: service.map(|name| &**name),
        };
        let trace = context.and_then(Context::trace).map(TraceContext::child);
        let mut message = write::message(
            prepared,
            &metadata,
            Arc::clone(&self.config().exchange),
            headers,
            trace.as_ref(),
            self.limits(),
        )?;
        if self.broker().delivers_published_message() {
            message.body.detect_text();
        }
        Ok(message)
    }

    async fn window_slot(
        &self,
        publish: &OutgoingPublish,
    ) -> Result<Option<OwnedSemaphorePermit>, Unconfirmed> {
        if !publish.in_window {
            return Ok(None);
        }
        match self.free_slots(1) {
            Some(slot) => Ok(Some(slot)),
            // Boxed because waiting is rare: otherwise the future of every publish would reserve room for it.
            None => match Box::pin(within(publish.deadline, self.window_slots(1))).await {
                Some(slot) => Ok(Some(slot)),
                None => Err(Unconfirmed::not_delivered(self.timed_out())),
            },
        }
    }

    /// Takes `count` slots in the window, unless others wait for slots: the slots are given out in order.
    pub(super) fn free_slots(&self, count: u32) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.shared.window).try_acquire_many_owned(count).ok()
    }

    /// Waits for `count` slots in the window.
    pub(super) async fn window_slots(&self, count: u32) -> OwnedSemaphorePermit {
        let slots = Arc::clone(&self.shared.window).acquire_many_owned(count).await;
        self.shared.granted.fetch_add(1, Ordering::Relaxed);
        slots.expect("the window is never closed")
    }

    fn hand_to_broker(
        &self,
        publish: &OutgoingPublish,
        slot: Option<OwnedSemaphorePermit>,
    ) -> PendingConfirms {
        let (confirms, pending) = confirm_group(1, slot);
        let while_handling = !publish.in_window || is_handling();
        for confirm in confirms {
            self.shared.broker.send(publish.with(confirm, while_handling));
        }
        pending
    }

    /// Waits for the confirm of a single message until `deadline`.
    async fn confirmed(&self, mut pending: PendingConfirms, deadline: Instant) -> Result<(), Unconfirmed> {
        let _ = within(deadline, &mut pending).await;
        confirm_result(&pending, 0, self.timed_out())
    }

    async fn publish_once(&self, publish: &OutgoingPublish) -> Result<(), Unconfirmed> {
        let slot = self.window_slot(publish).await?;
        let pending = self.hand_to_broker(publish, slot);
        self.confirmed(pending, publish.deadline).await
    }

    /// Publishes a refused message again after each of the [`REFUSAL_DELAYS`] that ends before the deadline.
    pub(super) async fn publish_again(
        &self,
        publish: &OutgoingPublish,
        first: Unconfirmed,
    ) -> Result<(), Unconfirmed> {
        let mut unconfirmed = first;
        let mut maybe_delivered = false;
        let mut delays = REFUSAL_DELAYS.into_iter();
        loop {
            maybe_delivered |= unconfirmed.maybe_delivered;
            let delay = matches!(unconfirmed.fault, PublishFault::Refused(_)).then(|| delays.next());
            match delay.flatten() {
                Some(delay) if Instant::now() + delay < publish.deadline => tokio::time::sleep(delay).await,
                _ => {
                    return Err(Unconfirmed {
                        maybe_delivered,
                        ..unconfirmed
                    });
                }
            }
            unconfirmed = match self.publish_once(publish).await {
                Ok(()) => return Ok(()),
                Err(unconfirmed) => unconfirmed,
            };
        }
    }

    pub(super) fn timed_out(&self) -> PublishFault {
        PublishFault::TimedOut(self.config().publish_timeout)
    }
}

/// An event as JSON, or why it cannot be encoded.
pub(super) struct EncodedEvent {
    name: EventName,
    prepared: Result<Prepared, Unpublishable>,
}

impl EncodedEvent {
    pub(super) fn of<T: Payload>(event: &T) -> Self {
        Self {
            name: payload::name(event),
            prepared: payload::prepare(event),
        }
    }
}

/// An event in its envelope.
pub(super) struct OutgoingEvent {
    name: EventName,
    event_id: String,
    pub(super) publish: OutgoingPublish,
}

impl OutgoingEvent {
    /// Counts the publish and builds the result of [`Bus::publish`].
    pub(super) fn finish(self, result: Result<(), Unconfirmed>) -> Result<String> {
        let Self { name, event_id, .. } = self;
        let Err(Unconfirmed {
            fault,
            maybe_delivered,
        }) = result
        else {
            telemetry::published(&name.event_type, name.labels);
            return Ok(event_id);
        };
        telemetry::publish_failed(&name.event_type, &fault, maybe_delivered);
        Err(PublishError {
            event_type: name.event_type.into_owned(),
            event_id,
            fault,
            maybe_delivered,
        }
        .into())
    }
}

pub(super) struct OutgoingPublish {
    message: Arc<Message>,
    mandatory: bool,
    /// Whether it needs a slot in the window.
    in_window: bool,
    pub(super) deadline: Instant,
}

impl OutgoingPublish {
    pub(super) fn with(&self, confirm: Confirm, while_handling: bool) -> Publish {
        Publish {
            message: Arc::clone(&self.message),
            mandatory: self.mandatory,
            while_handling,
            confirm,
        }
    }
}

/// The result of the publish at `index`. Without a result, stops waiting for that publish and fails with `late`.
pub(crate) fn confirm_result(
    pending: &PendingConfirms,
    index: usize,
    late: PublishFault,
) -> Result<(), Unconfirmed> {
    // Read before the result, so that a result that arrives between the two reads counts.
    let fault = if pending.are_decided() {
        PublishFault::Closed
    } else {
        late
    };
    match pending.result(index) {
        Some(Ok(())) => Ok(()),
        Some(Err(refusal)) => {
            let mut unconfirmed = Unconfirmed::from(refusal);
            unconfirmed.maybe_delivered |= pending.was_lost(index);
            Err(unconfirmed)
        }
        None => Err(Unconfirmed {
            fault,
            maybe_delivered: pending.give_up(index),
        }),
    }
}

/// Whether this task handles a delivery.
pub(super) fn is_handling() -> bool {
    Context::current().is_some_and(|context| context.causation_id().is_some())
}

pub(super) async fn within<F: Future>(deadline: Instant, future: F) -> Option<F::Output> {
    tokio::time::timeout_at(deadline.into(), future).await.ok()
}
