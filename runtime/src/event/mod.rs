//! An event: a fact as a Rust type, its families, and the event with its metadata as a handler takes it.

pub(crate) mod decode;
pub(crate) mod descriptor;
#[cfg(feature = "contracts")]
pub(crate) mod introspect;
pub(crate) mod payload;
pub(crate) mod schema;

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::event::decode::DecodeError;
use crate::event::descriptor::{EventDescriptor, EventSet};
use crate::message::Message;
use crate::message::routing_key::RoutingKeyError;
use crate::message::timestamp::Timestamp;

/// A fact of the domain, with the name and the key it travels under. Derive it; do not write it by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "not an event",
    note = "derive it: #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] with #[event(type = \"…\")]"
)]
pub trait DomainEvent: Serialize + DeserializeOwned + JsonSchema + Send + Sync + Sized + 'static {
    /// The wire name, `order.created`.
    const TYPE: &'static str;
    /// The version; it is raised only for a change that breaks readers.
    const VERSION: u32;
    /// The routing key as written, with its `{field}`s.
    const ROUTING_KEY: &'static str;
    /// The pattern of every key the event can have: `*` in place of each `{field}`.
    const KEY_PATTERN: &'static str;
    /// The doc comment.
    const DESCRIPTION: Option<&'static str>;
    /// The note of `#[deprecated]`, empty when it has none.
    const DEPRECATED: Option<&'static str>;
    /// The type's path, `shop::events::OrderCreated`.
    #[doc(hidden)]
    const RUST_TYPE: &'static str;
    /// The version this one is upcast from.
    #[doc(hidden)]
    const OLDER: Option<&'static EventDescriptor> = None;

    /// The routing key of this very event.
    ///
    /// # Errors
    /// When a field of the key's template is empty, holds `.`, `*` or `#`, or makes the key longer than 255 bytes.
    fn routing_key(&self) -> Result<Cow<'static, str>, RoutingKeyError>;

    /// The id of the thing the fact is about.
    fn aggregate_id(&self) -> String;

    /// The event that `#[event(example = ..)]` names.
    #[doc(hidden)]
    fn contract_example() -> Option<Self> {
        None
    }

    /// Decodes an older version and upcasts it; `None` when no older version is declared.
    #[doc(hidden)]
    fn decode_older(_version: u32, _data: &str) -> Option<Result<Self, DecodeError>> {
        None
    }
}

/// Several events as one enum: each variant wraps one event, and one may take the rest.
///
/// ```
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize};
/// use tidings::{AnyEvent, DomainEvent};
/// # #[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
/// # #[event(type = "order.created")] struct OrderCreated { order_id: String }
/// # #[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
/// # #[event(type = "order.cancelled")] struct OrderCancelled { order_id: String }
/// #[derive(Debug, DomainEvent)]
/// enum OrderEvent {
///     Created(OrderCreated),
///     Cancelled(OrderCancelled),
///     #[event(other)]
///     Other(AnyEvent),
/// }
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` is not a family of events")]
pub trait EventFamily: Send + Sync + Sized + 'static {
    /// The events of the variants.
    #[doc(hidden)]
    const EVENTS: EventSet;
    /// Whether a variant takes every event that no other takes.
    #[doc(hidden)]
    const HAS_OTHER: bool;

    /// Decodes the variant that the event's type names.
    #[doc(hidden)]
    fn decode(event: &AnyEvent) -> Result<Self, DecodeError>;

    /// Hands the event inside to `visitor`.
    #[doc(hidden)]
    fn visit<V: EventVisitor>(&self, visitor: V) -> V::Output;
}

/// An event, as generated code asks for it. `DomainEvent` stands only in the derive's impl: named elsewhere in
/// generated code, a missing `Serialize` would be reported once more at every place.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "not an event",
    note = "derive it: #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] with #[event(type = \"…\")]",
    note = "in a family, `AnyEvent` stands in the variant marked #[event(other)]"
)]
pub trait KnownEvent: Sized + 'static {
    /// Type and version; apart from `EVENT`, which a circle of upcasts would make circular.
    const NAME: (&'static str, u32);
    /// All that is known of it.
    const EVENT: EventDescriptor;
    /// Whether `event` is of this type.
    fn is(event: &AnyEvent) -> bool;
    /// Decodes it.
    fn decode(event: &AnyEvent) -> Result<Self, DecodeError>;
    /// Decodes data written as version `version`, for a newer version to be made of it.
    fn decode_version(version: u32, data: &str) -> Result<Self, DecodeError>;
    /// Hands it to `visitor`.
    fn visit<V: EventVisitor>(&self, visitor: V) -> V::Output;
}

#[diagnostic::do_not_recommend]
impl<E: DomainEvent> KnownEvent for E {
    const NAME: (&'static str, u32) = (E::TYPE, E::VERSION);
    const EVENT: EventDescriptor = EventDescriptor::of::<E>();

    fn is(event: &AnyEvent) -> bool {
        event.event_type() == E::TYPE
    }

    fn decode(event: &AnyEvent) -> Result<Self, DecodeError> {
        event.decode()
    }

    fn decode_version(version: u32, data: &str) -> Result<Self, DecodeError> {
        decode::older(version, data)
    }

    fn visit<V: EventVisitor>(&self, visitor: V) -> V::Output {
        visitor.event(self)
    }
}

/// What the variant marked `other` wraps.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the variant marked `other` takes every other event, and `{Self}` is only one",
    label = "write `tidings::AnyEvent`"
)]
pub trait OtherEvent: Sized {
    /// Keeps the event.
    fn keep(event: &AnyEvent) -> Self;
    /// Hands it to `visitor`.
    fn visit<V: EventVisitor>(&self, visitor: V) -> V::Output;
}

#[diagnostic::do_not_recommend]
impl OtherEvent for AnyEvent {
    fn keep(event: &AnyEvent) -> Self {
        event.clone()
    }

    fn visit<V: EventVisitor>(&self, visitor: V) -> V::Output {
        visitor.other(self)
    }
}

/// What an event can be upcast from.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made from `{Older}`",
    label = "no conversion from this version",
    note = "implement `From<{Older}>` for `{Self}`, or `TryFrom<{Older}>` with an error when it can fail"
)]
pub trait UpcastFrom<Older>: Sized {
    /// Makes it from the older version, which came as version `found`.
    fn upcast(found: u32, older: Result<Older, DecodeError>) -> Result<Self, DecodeError>;
}

#[diagnostic::do_not_recommend]
impl<Older, Newer> UpcastFrom<Older> for Newer
where
    Newer: TryFrom<Older>,
    Newer::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn upcast(found: u32, older: Result<Older, DecodeError>) -> Result<Self, DecodeError> {
        Self::try_from(older?).map_err(|error| DecodeError::Upcast {
            found,
            source: error.into(),
        })
    }
}

/// The id of what an event is about: anything that has a text.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an aggregate id: it does not implement `Display`",
    label = "no `Display`",
    note = "name a field whose text is the id, a field of a field included: #[event(aggregate_id = order.id)]"
)]
pub trait AggregateId {
    /// Its text.
    fn text(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T: std::fmt::Display + ?Sized> AggregateId for T {
    fn text(&self) -> String {
        self.to_string()
    }
}

/// What is done with the event inside a family.
#[doc(hidden)]
pub trait EventVisitor {
    /// What comes of it.
    type Output;
    /// An event of a known type.
    fn event<E: DomainEvent>(self, event: &E) -> Self::Output;
    /// An event of the variant marked `other`.
    fn other(self, event: &AnyEvent) -> Self::Output;
}

/// The metadata of one event as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The event's id, the same for every delivery of it. Ours are UUIDs; those of others can be any text.
    pub id: String,
    /// The wire name of its type.
    pub event_type: String,
    /// The version of its type.
    pub version: u32,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The id of the thing it is about; empty when its writer named none.
    pub aggregate_id: String,
    /// What ties together all that one request set off.
    pub correlation_id: String,
    /// The id of the event that caused this one.
    pub causation_id: Option<String>,
    /// The service that published it.
    pub source: Option<String>,
    /// Whether the id was derived from the content, since the event came without one.
    pub id_is_derived: bool,
}

/// An event with its metadata.
///
/// A handler that takes `Event<T>` learns who said what when; one that takes `T` gets the fact alone.
/// It dereferences to the event, so fields are at hand: `order.customer`.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<T> {
    data: T,
    metadata: Arc<Metadata>,
}

impl<T> Event<T> {
    pub(crate) fn with_metadata(data: T, metadata: Arc<Metadata>) -> Self {
        Self { data, metadata }
    }

    /// The event itself.
    pub fn data(&self) -> &T {
        &self.data
    }

    /// The event itself, without its metadata.
    pub fn into_data(self) -> T {
        self.data
    }

    /// All the metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The event's id.
    pub fn id(&self) -> &str {
        &self.metadata.id
    }

    /// When it happened.
    pub fn timestamp(&self) -> Timestamp {
        self.metadata.timestamp
    }

    /// What ties together all that one request set off.
    pub fn correlation_id(&self) -> &str {
        &self.metadata.correlation_id
    }

    /// The id of the event that caused this one.
    pub fn causation_id(&self) -> Option<&str> {
        self.metadata.causation_id.as_deref()
    }
}

impl<T: crate::event::payload::Payload> Event<T> {
    /// Wraps an event as if it had just been published, for a test that calls a handler directly.
    ///
    /// ```
    /// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::{DomainEvent, Event};
    /// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    /// # #[event(type = "order.created")] struct OrderCreated { order_id: String }
    /// let order = Event::new(OrderCreated { order_id: "o-1".into() });
    /// assert_eq!(order.order_id, "o-1");
    /// assert_eq!(order.correlation_id(), order.id());
    /// ```
    pub fn new(data: T) -> Self {
        let about = crate::event::payload::describe(&data);
        let id = Uuid::now_v7().to_string();
        let metadata = Metadata {
            correlation_id: id.clone(),
            id,
            event_type: about.event_type.into_owned(),
            version: about.version,
            timestamp: Timestamp::now(),
            aggregate_id: about.aggregate_id,
            causation_id: None,
            source: None,
            id_is_derived: false,
        };
        Self::with_metadata(data, Arc::new(metadata))
    }
}

impl<T> Deref for Event<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

/// An event of any type, its data still the JSON it came as. It is cheap to clone, and keeps the message it came in.
#[derive(Clone)]
pub struct AnyEvent {
    metadata: Arc<Metadata>,
    routing_key: Arc<str>,
    message: Arc<Message>,
    data: Data,
}

/// The data of an event.
#[derive(Clone)]
enum Data {
    /// A part of the message's body.
    Lent(Range<usize>),
    Own(Arc<str>),
}

impl AnyEvent {
    pub(crate) fn new(
        metadata: Arc<Metadata>,
        routing_key: Arc<str>,
        message: Arc<Message>,
        data: &str,
    ) -> Self {
        let lent = message.body.range_of(data);
        let data = lent.map_or_else(|| Data::Own(data.into()), Data::Lent);
        Self {
            metadata,
            routing_key,
            message,
            data,
        }
    }

    /// The wire name of its type.
    pub fn event_type(&self) -> &str {
        &self.metadata.event_type
    }

    /// The routing key it was published under.
    pub fn routing_key(&self) -> &str {
        &self.routing_key
    }

    /// All the metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The data as the JSON text it came as.
    pub fn json(&self) -> &str {
        match &self.data {
            Data::Lent(place) => &self.message.body.text().expect("it lent the data")[place.clone()],
            Data::Own(data) => data,
        }
    }

    /// Decodes the data as the event `E`, upcasting an older version.
    ///
    /// # Errors
    /// When the event is of another type, of a version that `E` cannot take, or its data does not fit `E`.
    pub fn decode<E: DomainEvent>(&self) -> Result<E, DecodeError> {
        decode::event::<E>(&self.metadata, self.json())
    }

    pub(crate) fn shared_metadata(&self) -> Arc<Metadata> {
        Arc::clone(&self.metadata)
    }

    /// The message it came in.
    pub(crate) fn message(&self) -> &Arc<Message> {
        &self.message
    }
}

impl fmt::Debug for AnyEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyEvent")
            .field("metadata", &self.metadata)
            .field("routing_key", &self.routing_key)
            .field("data", &self.json())
            .finish_non_exhaustive()
    }
}
