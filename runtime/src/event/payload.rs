//! What can be published: an event, or a family of them.

use std::borrow::Cow;

use serde::Serialize;

use crate::event::{AnyEvent, DomainEvent, EventFamily, EventVisitor};
use crate::message::routing_key::RoutingKeyError;
#[cfg(feature = "runtime")]
use crate::telemetry::EventLabels;

/// An event or a family: what a bus publishes. The derive implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be published: it is neither an event nor a family of events",
    note = "derive it: #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] with #[event(type = \"…\")]"
)]
pub trait Payload: Send + Sync + Sized + 'static {
    /// [`SingleEvent`] or [`FamilyOfEvents`]; it does the work, so that the derive emits no body.
    #[doc(hidden)]
    type Kind: PayloadKind<Self>;
}

/// How an event or a family hands out the event inside.
#[doc(hidden)]
pub trait PayloadKind<T> {
    /// Hands the event to the visitor.
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

/// What an event says of itself.
pub(crate) struct About {
    pub(crate) event_type: Cow<'static, str>,
    pub(crate) version: u32,
    pub(crate) aggregate_id: String,
}

pub(crate) fn describe<T: Payload>(payload: &T) -> About {
    struct Describe;
    impl EventVisitor for Describe {
        type Output = About;

        fn event<E: DomainEvent>(self, event: &E) -> About {
            About {
                event_type: E::TYPE.into(),
                version: E::VERSION,
                aggregate_id: event.aggregate_id(),
            }
        }

        fn other(self, event: &AnyEvent) -> About {
            let known = event.metadata();
            About {
                event_type: known.event_type.clone().into(),
                version: known.version,
                aggregate_id: known.aggregate_id.clone(),
            }
        }
    }
    T::Kind::visit(payload, Describe)
}

/// What the event inside is called, on the wire and where publishes are counted.
#[cfg(feature = "runtime")]
pub(crate) struct Name {
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

/// The name of the event inside, whether or not it can be encoded.
#[cfg(feature = "runtime")]
pub(crate) fn name<T: Payload>(payload: &T) -> Name {
    struct Names;
    impl EventVisitor for Names {
        type Output = Name;

        fn event<E: DomainEvent>(self, _: &E) -> Name {
            Name {
                event_type: E::TYPE.into(),
                labels: EventLabels::declared(DeclaredLabels::<E>::LABELS),
            }
        }

        fn other(self, event: &AnyEvent) -> Name {
            Name {
                event_type: event.event_type().to_owned().into(),
                labels: EventLabels::undeclared(),
            }
        }
    }
    T::Kind::visit(payload, Names)
}

/// An event ready to be put into an envelope: everything but the metadata that the moment of publishing gives.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) event_type: Cow<'static, str>,
    pub(crate) version: u32,
    pub(crate) routing_key: Cow<'static, str>,
    pub(crate) aggregate_id: String,
    /// JSON.
    pub(crate) data: Vec<u8>,
}

/// Why an event cannot be put on the wire, however often it is tried.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unpublishable {
    /// A field breaks its routing key.
    RoutingKey(RoutingKeyError),
    /// Its own `Serialize` failed.
    Serialize(serde_json::Error),
    /// It is larger than the bus allows.
    TooLarge {
        /// The size of the body in bytes.
        bytes: usize,
        /// The most that the bus allows.
        limit: usize,
    },
    /// Its JSON is nested deeper than the bus allows.
    TooDeep {
        /// The most levels that the bus allows.
        limit: usize,
    },
    /// One of its headers is not the user's to set: the runtime's own (`tidings-*`), the trace's, or one that the
    /// broker acts on (`CC`, `BCC`, `x-death`) or by which a reader takes the body for a CloudEvent.
    ReservedHeader {
        /// The header's name.
        name: String,
    },
    /// The name of one of its headers is empty, or longer than the 255 bytes that AMQP can carry.
    HeaderName {
        /// The header's name.
        name: String,
    },
    /// Its headers do not fit into one AMQP frame.
    HeadersTooLarge {
        /// The size of the headers in bytes.
        bytes: usize,
        /// The most that fits.
        limit: usize,
    },
    /// The broker takes no such message, larger than its own limit, say; in its words.
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
                    "its body has {bytes} bytes; {limit} is the most (raise it with `max_body_bytes`)"
                )
            }
            Self::TooDeep { limit } => write!(f, "its JSON is nested deeper than {limit} levels"),
            Self::ReservedHeader { name } => {
                write!(
                    f,
                    "its header `{name}` is not the user's to set; choose another name"
                )
            }
            Self::HeaderName { name } if name.is_empty() => {
                f.write_str("one of its headers has no name; give it one")
            }
            Self::HeaderName { name } => {
                let (start, bytes) = (name.chars().take(40).collect::<String>(), name.len());
                write!(
                    f,
                    "the name of its header `{start}…` has {bytes} bytes; 255 is the most"
                )
            }
            Self::HeadersTooLarge { bytes, limit } => {
                write!(
                    f,
                    "its headers have {bytes} bytes; {limit} is the most that fits into one frame"
                )
            }
            Self::Unacceptable(why) => write!(f, "the broker takes no such message: {why}"),
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
///
/// # Errors
/// When its routing key or its JSON cannot be made.
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

/// Most events fit into so many bytes; the buffer of a larger one grows.
const DATA_BYTES: usize = 512;

fn to_json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::with_capacity(DATA_BYTES);
    serde_json::to_writer(&mut json, value)?;
    Ok(json)
}
