//! Payloads: the types that can be published, and their encoding.

use std::borrow::Cow;

use serde::Serialize;
use uuid::Uuid;

use super::DomainEvent;
use super::any::AnyEvent;
use super::derive::EventVisitor;
use super::family::EventFamily;
use super::metadata::Metadata;
use crate::message::routing_key::RoutingKeyError;
use crate::message::shown::shown;
use crate::message::timestamp::Timestamp;
#[cfg(feature = "runtime")]
use crate::telemetry::EventLabels;

/// An event or a family, which a bus can publish. The derive implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be published: it is neither an event nor a family of events",
    note = "derive it: #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] with #[event(type = \"…\")]"
)]
pub trait Payload: Send + Sync + Sized + 'static {
    /// [`SingleEvent`] or [`FamilyOfEvents`]. The kind has the function bodies, so that derived code has none.
    #[doc(hidden)]
    type Kind: PayloadKind<Self>;
}

/// The access to the event inside an event or a family.
#[doc(hidden)]
pub trait PayloadKind<T> {
    /// Passes the event to the visitor.
    fn visit<V: EventVisitor>(payload: &T, visitor: V) -> V::Output;
}

/// A struct with `#[derive(DomainEvent)]`.
#[doc(hidden)]
#[derive(Debug)]
pub enum SingleEvent {}

/// An enum with `#[derive(DomainEvent)]`.
#[doc(hidden)]
#[derive(Debug)]
pub enum FamilyOfEvents {}

#[diagnostic::do_not_recommend]
impl<T: DomainEvent> PayloadKind<T> for SingleEvent {
    fn visit<V: EventVisitor>(payload: &T, visitor: V) -> V::Output {
        visitor.event(payload)
    }
}

#[diagnostic::do_not_recommend]
impl<T: EventFamily> PayloadKind<T> for FamilyOfEvents {
    fn visit<V: EventVisitor>(payload: &T, visitor: V) -> V::Output {
        payload.visit(visitor)
    }
}

#[diagnostic::do_not_recommend]
impl Payload for AnyEvent {
    type Kind = Untyped;
}

/// An [`AnyEvent`].
#[doc(hidden)]
#[derive(Debug)]
pub enum Untyped {}

impl PayloadKind<AnyEvent> for Untyped {
    fn visit<V: EventVisitor>(payload: &AnyEvent, visitor: V) -> V::Output {
        visitor.other(payload)
    }
}

/// The metadata of an event that is published now, without a source and a cause.
pub(crate) fn new_metadata<T: Payload>(payload: &T) -> Metadata {
    struct TypeVersionAggregate;
    impl EventVisitor for TypeVersionAggregate {
        type Output = (String, u32, String);

        fn event<E: DomainEvent>(self, event: &E) -> Self::Output {
            (E::TYPE.to_owned(), E::VERSION, event.aggregate_id())
        }

        fn other(self, event: &AnyEvent) -> Self::Output {
            let known = event.metadata();
            (
                known.event_type.clone(),
                known.version,
                known.aggregate_id.clone(),
            )
        }
    }
    let (event_type, version, aggregate_id) = T::Kind::visit(payload, TypeVersionAggregate);
    let id = Uuid::now_v7().to_string();
    Metadata {
        correlation_id: id.clone(),
        id,
        event_type,
        version,
        timestamp: Timestamp::now(),
        aggregate_id,
        causation_id: None,
        source: None,
        id_is_derived: false,
    }
}

/// The type of the event inside, and its metric labels.
#[cfg(feature = "runtime")]
pub(crate) struct EventName {
    pub(crate) event_type: Cow<'static, str>,
    pub(crate) labels: EventLabels,
}

/// The metric labels of an event type, built by the compiler.
#[cfg(feature = "runtime")]
struct DeclaredLabels<E>(std::marker::PhantomData<E>);

#[cfg(feature = "runtime")]
impl<E: DomainEvent> DeclaredLabels<E> {
    const LABELS: &'static [metrics::Label] = &[EventLabels::label(E::TYPE)];
}

/// The name of the event inside, even if the event cannot be encoded.
#[cfg(feature = "runtime")]
pub(crate) fn name<T: Payload>(payload: &T) -> EventName {
    struct ReadName;
    impl EventVisitor for ReadName {
        type Output = EventName;

        fn event<E: DomainEvent>(self, _: &E) -> EventName {
            EventName {
                event_type: E::TYPE.into(),
                labels: EventLabels::declared(DeclaredLabels::<E>::LABELS),
            }
        }

        fn other(self, event: &AnyEvent) -> EventName {
            EventName {
                event_type: event.event_type().to_owned().into(),
                labels: EventLabels::undeclared(),
            }
        }
    }
    T::Kind::visit(payload, ReadName)
}

/// An encoded event, without the metadata that depends on the publish.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) event_type: Cow<'static, str>,
    pub(crate) version: u32,
    pub(crate) routing_key: Cow<'static, str>,
    pub(crate) aggregate_id: String,
    /// The data as JSON text.
    pub(crate) data: Vec<u8>,
}

/// The error of an event that no retry can publish.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unpublishable {
    /// A field is not a valid word of the routing key.
    RoutingKey(RoutingKeyError),
    /// The `Serialize` of the event failed.
    Serialize(serde_json::Error),
    /// The body is larger than the limit of the bus.
    TooLarge {
        /// The size of the body in bytes.
        bytes: usize,
        /// The limit in bytes, set by [`BusBuilder::max_body_bytes`](crate::BusBuilder::max_body_bytes).
        limit: usize,
    },
    /// The JSON is nested deeper than the limit.
    TooDeep {
        /// The limit in levels.
        limit: usize,
    },
    /// A header is reserved for the runtime (`tidings-*`), the trace context, the broker (`CC`, `BCC`, `x-death`) or
    /// CloudEvents. With a header of CloudEvents, consumers would read the body as a CloudEvent.
    ReservedHeader {
        /// The header's name.
        name: String,
    },
    /// The name of a header is empty, or longer than the 255 bytes that AMQP allows.
    HeaderName {
        /// The header's name.
        name: String,
    },
    /// The headers do not fit into one AMQP frame.
    HeadersTooLarge {
        /// The size of the headers in bytes.
        bytes: usize,
        /// The size that fits, in bytes.
        limit: usize,
    },
    /// The broker refuses the message for a permanent reason, such as its own size limit. The text is the broker's.
    Unacceptable(String),
}

impl std::fmt::Display for Unpublishable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::RoutingKey(_) => f.write_str("cannot build its routing key"),
            Self::Serialize(_) => f.write_str("cannot write it as JSON"),
            Self::TooLarge { bytes, limit } => {
                write!(
                    f,
                    "its body has {bytes} bytes; the limit is {limit} (raise it with `max_body_bytes`)"
                )
            }
            Self::TooDeep { limit } => write!(f, "its JSON is nested deeper than {limit} levels"),
            Self::ReservedHeader { name } => {
                write!(f, "its header `{}` is reserved; choose another name", shown(name))
            }
            Self::HeaderName { name } if name.is_empty() => {
                f.write_str("one of its headers has no name; give it one")
            }
            Self::HeaderName { name } => {
                let (start, bytes) = (name.chars().take(40).collect::<String>(), name.len());
                write!(
                    f,
                    "the name of its header `{}…` has {bytes} bytes; the limit is 255",
                    shown(&start)
                )
            }
            Self::HeadersTooLarge { bytes, limit } => {
                write!(
                    f,
                    "its headers have {bytes} bytes; the limit of one frame is {limit}"
                )
            }
            Self::Unacceptable(why) => write!(f, "the broker rejects the message: {why}"),
        }
    }
}

impl std::error::Error for Unpublishable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::RoutingKey(error) => Some(error),
            Self::Serialize(error) => Some(error),
            _ => None,
        }
    }
}

/// Encodes the event inside `payload`.
pub(crate) fn prepare<T: Payload>(payload: &T) -> Result<Prepared, Unpublishable> {
    struct Prepare;
    impl EventVisitor for Prepare {
        type Output = Result<Prepared, Unpublishable>;

        fn event<E: DomainEvent>(self, event: &E) -> Self::Output {
            Ok(Prepared {
                event_type: E::TYPE.into(),
                version: E::VERSION,
                routing_key: event.routing_key().map_err(Unpublishable::RoutingKey)?,
                aggregate_id: event.aggregate_id(),
                data: to_json(event).map_err(Unpublishable::Serialize)?,
            })
        }

        fn other(self, event: &AnyEvent) -> Self::Output {
            let known = event.metadata();
            Ok(Prepared {
                event_type: known.event_type.clone().into(),
                version: known.version,
                routing_key: event.routing_key().to_owned().into(),
                aggregate_id: known.aggregate_id.clone(),
                data: event.json().into(),
            })
        }
    }
    T::Kind::visit(payload, Prepare)
}

/// The initial size of the JSON buffer, which is enough for most events.
const DATA_BYTES: usize = 512;

fn to_json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::with_capacity(DATA_BYTES);
    serde_json::to_writer(&mut json, value)?;
    Ok(json)
}
