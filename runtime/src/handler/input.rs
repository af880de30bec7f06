//! The first parameter of a handler: an event, an event with its metadata, a family, or any event.

use crate::event::decode::{self, DecodeError};
use crate::event::descriptor::{EventDescriptor, EventSet, for_each_event};
use crate::event::{AnyEvent, DomainEvent, Event, EventFamily};
use crate::message::topic;

use super::delivery::Delivery;
use super::failure::Failure;

/// The first parameter of an event handler: `T`, `Event<T>`, a family, or [`AnyEvent`].
#[diagnostic::on_unimplemented(
    message = "the first parameter of an event handler must be its event, and `{Self}` is not one",
    label = "not an event",
    note = "derive it: #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]; other parameters come after the event"
)]
pub trait HandlerInput: Sized + Send + 'static {
    /// The shape has the function bodies, so that derived code has none.
    #[doc(hidden)]
    type Shape: InputShape<Self>;

    // Generated code names these items as `<T as HandlerInput>` everywhere, because rustc merges equal errors about a
    // missing impl. A function with a bound would add a different error.

    /// The events that the input can be decoded from.
    #[doc(hidden)]
    const TAKES: Takes = Takes {
        events: Self::Shape::EVENTS,
        any: Self::Shape::ANY,
    };

    /// Decodes the event of a delivery.
    ///
    /// # Errors
    /// When the event cannot be decoded.
    #[doc(hidden)]
    fn decode(delivery: &Delivery) -> Result<Self, Failure> {
        Self::Shape::decode(delivery.event()).map_err(Failure::Undecodable)
    }
}

/// The events that a handler takes.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Takes {
    /// The declared events.
    pub events: EventSet,
    /// Whether events of every other type are taken as well.
    pub any: bool,
}

/// The events that an input can be decoded from, and its decoding.
#[doc(hidden)]
pub trait InputShape<T> {
    /// The declared events.
    const EVENTS: EventSet;
    /// Whether events of every other type are taken as well.
    const ANY: bool;
    /// Decodes the input.
    fn decode(event: &AnyEvent) -> Result<T, DecodeError>;
}

/// The shape of a single event.
#[doc(hidden)]
#[derive(Debug)]
pub enum OneEvent {}

/// The shape of a family.
#[doc(hidden)]
#[derive(Debug)]
pub enum OneOfFamily {}

/// The shape of `Event<T>`.
#[doc(hidden)]
#[derive(Debug)]
pub enum WithMetadata {}

/// The shape of [`AnyEvent`].
#[doc(hidden)]
#[derive(Debug)]
pub enum Anything {}

#[diagnostic::do_not_recommend]
impl<T: DomainEvent> InputShape<T> for OneEvent {
    const EVENTS: EventSet = EventSet::Events(&[EventDescriptor::of::<T>()]);
    const ANY: bool = false;

    fn decode(event: &AnyEvent) -> Result<T, DecodeError> {
        decode::event(event.metadata(), event.json())
    }
}

#[diagnostic::do_not_recommend]
impl<T: EventFamily> InputShape<T> for OneOfFamily {
    const EVENTS: EventSet = T::EVENTS;
    const ANY: bool = T::HAS_OTHER;

    fn decode(event: &AnyEvent) -> Result<T, DecodeError> {
        T::decode(event)
    }
}

#[diagnostic::do_not_recommend]
impl<T: HandlerInput> HandlerInput for Event<T> {
    type Shape = WithMetadata;
}

#[diagnostic::do_not_recommend]
impl<T: HandlerInput> InputShape<Event<T>> for WithMetadata {
    const EVENTS: EventSet = T::Shape::EVENTS;
    const ANY: bool = T::Shape::ANY;

    fn decode(event: &AnyEvent) -> Result<Event<T>, DecodeError> {
        T::Shape::decode(event).map(|data| Event::with_metadata(data, event.shared_metadata()))
    }
}

#[diagnostic::do_not_recommend]
impl HandlerInput for AnyEvent {
    type Shape = Anything;
}

impl InputShape<AnyEvent> for Anything {
    const EVENTS: EventSet = EventSet::NONE;
    const ANY: bool = true;

    fn decode(event: &AnyEvent) -> Result<AnyEvent, DecodeError> {
        Ok(event.clone())
    }
}

/// Whether `pattern` can match a key of one of the events, or of a version that they are upcast from.
pub(crate) const fn pattern_meets(pattern: &str, events: &EventSet) -> bool {
    for_each_event!(
        events,
        |event| {
            if pattern_meets_event(pattern, event) {
                return true;
            }
        },
        |set| {
            if pattern_meets(pattern, set) {
                return true;
            }
        },
    );
    false
}

/// Whether `pattern` can match a key of the event, or of a version that it is upcast from.
pub(crate) const fn pattern_meets_event(pattern: &str, event: &EventDescriptor) -> bool {
    let mut version = Some(event);
    while let Some(event) = version {
        if topic::overlap(pattern, event.key_pattern()) {
            return true;
        }
        version = event.older();
    }
    false
}
