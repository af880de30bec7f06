//! A delivery: one attempt to hand one event to one handler, and everything that is known about it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::context::trace::TraceContext;
use crate::event::{AnyEvent, Metadata};
use crate::message::Message;
use crate::message::headers::Headers;
use crate::message::properties::Properties;
use crate::message::timestamp::Timestamp;

/// One attempt to hand one event to one handler, with its metadata, headers and history. Cheap to clone.
///
/// ```
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize};
/// # use tidings::{DomainEvent, event_handler};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
/// # #[event(type = "order.created")] struct OrderCreated { order_id: String }
/// use tidings::Delivery;
///
/// #[event_handler("order.created")]
/// async fn audit(order: OrderCreated, delivery: Delivery) {
///     println!("{} came as {}, attempt {}", order.order_id, delivery.id(), delivery.attempt());
/// }
/// ```
#[derive(Clone)]
pub struct Delivery(Arc<DeliveryInner>);

struct DeliveryInner {
    event: AnyEvent,
    /// The message's properties in their public form, made at the first use.
    properties: OnceLock<Box<Properties>>,
    facts: DeliveryFacts,
    #[cfg(feature = "runtime")]
    app: Option<Arc<AppHandle>>,
}

/// The name of the running service, and a value that extractors take from the app.
///
/// The type of the value is erased: it owns a bus, a bus reads the context, and the context can be a delivery.
#[cfg(feature = "runtime")]
pub(crate) struct AppHandle {
    service: Arc<str>,
    extension: Box<dyn std::any::Any + Send + Sync>,
}

#[cfg(feature = "runtime")]
impl AppHandle {
    pub(crate) fn new(service: Arc<str>, extension: impl std::any::Any + Send + Sync) -> Self {
        Self {
            service,
            extension: Box::new(extension),
        }
    }
}

/// The facts about a delivery that are not in its message.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryFacts {
    pub(crate) handler: &'static str,
    pub(crate) queue: Arc<str>,
    pub(crate) exchange: Arc<str>,
    pub(crate) attempt: u32,
    pub(crate) redelivered: bool,
    pub(crate) first_received_at: Timestamp,
    pub(crate) received_at: Timestamp,
    pub(crate) last_error: Option<String>,
    pub(crate) trace: Option<TraceContext>,
}

impl Delivery {
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn new(event: AnyEvent, facts: DeliveryFacts) -> Self {
        Self(Arc::new(DeliveryInner {
            event,
            properties: OnceLock::new(),
            facts,
            #[cfg(feature = "runtime")]
            app: None,
        }))
    }

    #[cfg(feature = "runtime")]
    pub(crate) fn of_app(event: AnyEvent, facts: DeliveryFacts, app: Arc<AppHandle>) -> Self {
        Self(Arc::new(DeliveryInner {
            event,
            properties: OnceLock::new(),
            facts,
            app: Some(app),
        }))
    }

    /// A first attempt to deliver `event`, for a test that calls a handler or an extractor directly. The extractors
    /// [`Bus`](crate::Bus) and [`Shutdown`](crate::Shutdown) reject it, because no app is running.
    ///
    /// # Panics
    /// When the event cannot be encoded: a field breaks its routing key, or its `Serialize` fails.
    #[cfg(any(test, feature = "testing"))]
    pub fn fake<T: crate::event::payload::Payload>(event: &T) -> Self {
        Self::fake_with_headers(event, Headers::new())
    }

    /// As [`fake`](Self::fake), with headers.
    ///
    /// # Panics
    /// When the event cannot be encoded.
    #[cfg(any(test, feature = "testing"))]
    pub fn fake_with_headers<T: crate::event::payload::Payload>(event: &T, headers: Headers) -> Self {
        let prepared = crate::event::payload::prepare(event).expect("the event can be encoded");
        let metadata = crate::event::payload::new_metadata(event);
        let routing_key: Arc<str> = prepared.routing_key.as_ref().into();
        let message = Message {
            exchange: "domain_events".into(),
            routing_key: Arc::clone(&routing_key),
            headers,
            ..Message::default()
        };
        let data = String::from_utf8_lossy(&prepared.data);
        let event = AnyEvent::new(Arc::new(metadata), routing_key, Arc::new(message), &data);
        let now = Timestamp::now();
        let facts = DeliveryFacts {
            handler: "fake",
            queue: "fake.queue".into(),
            exchange: "domain_events".into(),
            attempt: 1,
            redelivered: false,
            first_received_at: now,
            received_at: now,
            last_error: None,
            trace: None,
        };
        Self::new(event, facts)
    }

    /// The event, with its data as JSON.
    pub fn event(&self) -> &AnyEvent {
        &self.0.event
    }

    /// The metadata of the event.
    pub fn metadata(&self) -> &Metadata {
        self.0.event.metadata()
    }

    /// The event's id.
    pub fn id(&self) -> &str {
        &self.metadata().id
    }

    /// The event type, `order.created`.
    pub fn event_type(&self) -> &str {
        &self.metadata().event_type
    }

    /// The version of the event.
    pub fn version(&self) -> u32 {
        self.metadata().version
    }

    /// The id of the aggregate that the event is about.
    pub fn aggregate_id(&self) -> &str {
        &self.metadata().aggregate_id
    }

    /// The correlation id, which all events that follow from one request share.
    pub fn correlation_id(&self) -> &str {
        &self.metadata().correlation_id
    }

    /// The id of the event that caused this one.
    pub fn causation_id(&self) -> Option<&str> {
        self.metadata().causation_id.as_deref()
    }

    /// The exchange that the event was first published to. A retry does not change it.
    pub fn exchange(&self) -> &str {
        &self.0.facts.exchange
    }

    /// The routing key that the event was first published with. A retry does not change it.
    pub fn routing_key(&self) -> &str {
        self.0.event.routing_key()
    }

    /// The headers of the message, including those of the runtime (`tidings-*`).
    pub fn headers(&self) -> &Headers {
        &self.message().headers
    }

    /// The properties of the message.
    pub fn properties(&self) -> &Properties {
        let of_message = || Box::new(Properties::from(&self.message().properties));
        self.0.properties.get_or_init(of_message)
    }

    /// The body of the message as it was received.
    pub fn body(&self) -> &[u8] {
        &self.message().body
    }

    /// The handler's name.
    pub fn handler(&self) -> &str {
        self.0.facts.handler
    }

    /// The queue that the message was received from.
    pub fn queue(&self) -> &str {
        &self.0.facts.queue
    }

    /// The number of this attempt, from 1. It can exceed the handler's maximum, because attempts that fail while the
    /// breaker is open do not count towards the maximum.
    pub fn attempt(&self) -> u32 {
        self.0.facts.attempt
    }

    /// Whether the broker delivered the message before and it was not acknowledged.
    pub fn redelivered(&self) -> bool {
        self.0.facts.redelivered
    }

    /// When the event happened, by its publisher's clock.
    pub fn occurred_at(&self) -> Timestamp {
        self.metadata().timestamp
    }

    /// When the first attempt was received.
    pub fn first_received_at(&self) -> Timestamp {
        self.0.facts.first_received_at
    }

    /// When this attempt was received.
    pub fn received_at(&self) -> Timestamp {
        self.0.facts.received_at
    }

    /// The error of the attempt before this one.
    pub fn last_error(&self) -> Option<&str> {
        self.0.facts.last_error.as_deref()
    }

    /// The trace context of the message.
    pub fn trace(&self) -> Option<&TraceContext> {
        self.0.facts.trace.as_ref()
    }

    /// The name of the service; `None` for a fake delivery.
    #[cfg(feature = "runtime")]
    pub(crate) fn service(&self) -> Option<&Arc<str>> {
        Some(&self.0.app.as_ref()?.service)
    }

    /// The value that the app provides for extractors, if it has this type; `None` for a fake delivery.
    #[cfg(feature = "runtime")]
    pub(crate) fn extension<T: 'static>(&self) -> Option<&T> {
        self.0.app.as_ref()?.extension.downcast_ref()
    }

    #[cfg(feature = "runtime")]
    pub(crate) fn log_fields<'a>(&'a self, service: &'a str) -> crate::telemetry::DeliveryFields<'a> {
        crate::telemetry::DeliveryFields {
            service,
            handler: self.0.facts.handler,
            queue: self.queue(),
            event_type: self.event_type(),
            event_id: self.id(),
            correlation_id: self.correlation_id(),
            attempt: self.attempt(),
        }
    }

    /// The same delivery for another attempt in place.
    #[cfg(feature = "runtime")]
    pub(crate) fn again(&self, attempt: u32, last_error: String) -> Self {
        let facts = DeliveryFacts {
            attempt,
            last_error: Some(last_error),
            received_at: Timestamp::now(),
            ..self.0.facts.clone()
        };
        Self(Arc::new(DeliveryInner {
            event: self.0.event.clone(),
            properties: OnceLock::new(),
            facts,
            app: self.0.app.clone(),
        }))
    }

    pub(crate) fn message(&self) -> &Arc<Message> {
        self.0.event.message()
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("id", &self.id())
            .field("event_type", &self.event_type())
            .field("handler", &self.handler())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}
