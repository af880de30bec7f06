//! The traits that derived code calls.

use super::DomainEvent;
use super::any::AnyEvent;
use super::decode::{self, DecodeError};
use super::descriptor::EventDescriptor;

/// An event, for generated code. Generated code names `DomainEvent` only in the derive's impl, because elsewhere rustc
/// would report a missing `Serialize` again.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "not an event",
    note = "derive it: #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] with #[event(type = \"…\")]",
    note = "in a family, `AnyEvent` stands in the variant marked #[event(other)]"
)]
pub trait KnownEvent: Sized + 'static {
    /// Type and version. A cycle of upcasts makes `EVENT` cyclic, but not this constant.
    const NAME: (&'static str, u32);
    /// The descriptor.
    const EVENT: EventDescriptor;
    /// Whether `event` is of this type.
    fn is(event: &AnyEvent) -> bool;
    /// Decodes `event`.
    fn decode(event: &AnyEvent) -> Result<Self, DecodeError>;
    /// Decodes data of version `version`, before it is upcast to a newer version.
    fn decode_version(version: u32, data: &str) -> Result<Self, DecodeError>;
    /// Passes the event to `visitor`.
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

/// The type in the variant marked `other`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the variant marked `other` takes every other event, and `{Self}` is only one",
    label = "write `tidings::AnyEvent`"
)]
pub trait OtherEvent: Sized {
    /// Clones the event.
    fn keep(event: &AnyEvent) -> Self;
    /// Passes the event to `visitor`.
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

/// An event that can be upcast from an older version.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made from `{Older}`",
    label = "no conversion from this version",
    note = "implement `From<{Older}>` for `{Self}`, or `TryFrom<{Older}>` with an error when it can fail"
)]
pub trait UpcastFrom<Older>: Sized {
    /// Upcasts the older version, which was decoded from version `found`.
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

/// An aggregate id: any type with `Display`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an aggregate id: it does not implement `Display`",
    label = "no `Display`",
    note = "name a field whose text is the id, a field of a field included: #[event(aggregate_id = order.id)]"
)]
pub trait AggregateId {
    /// The text of the id.
    fn text(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T: std::fmt::Display + ?Sized> AggregateId for T {
    fn text(&self) -> String {
        self.to_string()
    }
}

/// A function over the event inside a family.
#[doc(hidden)]
pub trait EventVisitor {
    /// The return type of the function.
    type Output;
    /// Called for an event of a declared type.
    fn event<E: DomainEvent>(self, event: &E) -> Self::Output;
    /// Called for the event in the variant marked `other`.
    fn other(self, event: &AnyEvent) -> Self::Output;
}

/// The error of a family without a variant for the event.
#[doc(hidden)]
pub fn wrong_type<T>(event: &AnyEvent) -> Result<T, DecodeError> {
    Err(DecodeError::WrongType {
        found: event.event_type().to_owned(),
    })
}
