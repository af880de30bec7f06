//! What a handler's first parameter can be: an event, an event with its metadata, a family, or any event.

use crate::event::decode::{self, DecodeError};
use crate::event::descriptor::{EventDescriptor, EventSet};
use crate::event::{AnyEvent, DomainEvent, Event, EventFamily};
use crate::handler::Failure;
use crate::handler::delivery::Delivery;
use crate::message::topic;

/// The first parameter of an event handler: `T`, `Event<T>`, a family, or [`AnyEvent`].
#[diagnostic::on_unimplemented(
    message = "the first parameter of an event handler must be its event, and `{Self}` is not one",
    label = "not an event",
    note = "derive it: #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]; other parameters come after the event"
)]
pub trait HandlerInput: Sized + Send + 'static {
    /// It does the work, so that the derive emits no body.
    #[doc(hidden)]
    type Shape: InputShape<Self>;

    // What generated code asks for, by `<T as HandlerInput>` each time: a bound of a function would say its own word
    // beside each missing impl, and rustc merges only what is the same.

    /// What it can be decoded from.
    #[doc(hidden)]
    const TAKES: Takes = Takes {
        events: Self::Shape::EVENTS,
        any: Self::Shape::ANY,
    };

    /// Decodes the event of a delivery.
    ///
    /// # Errors
    /// When it is not such an event.
    #[doc(hidden)]
    fn decode(delivery: &Delivery) -> Result<Self, Failure> {
        Self::Shape::decode(delivery.event()).map_err(Failure::Undecodable)
    }
}

/// The events that an input can be decoded from.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Takes {
    /// Those it names.
    pub events: EventSet,
    /// Whether it takes events of any other type too.
    pub any: bool,
}

/// How an input is decoded, and from which events.
#[doc(hidden)]
pub trait InputShape<T> {
    /// The events it can be decoded from.
    const EVENTS: EventSet;
    /// Whether it takes events of any other type too.
    const ANY: bool;
    /// Decodes it.
    fn decode(event: &AnyEvent) -> Result<T, DecodeError>;
}

/// One event.
#[doc(hidden)]
#[derive(Debug)]
pub enum OneEvent {}

/// A family.
#[doc(hidden)]
#[derive(Debug)]
pub enum OneOfFamily {}

/// `Event<T>`: the input `T` with its metadata.
#[doc(hidden)]
#[derive(Debug)]
pub enum WithMetadata {}

/// Any event.
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

/// Whether `pattern` can match a key of one of the events, or of a version they are upcast from.
pub(crate) const fn pattern_meets(pattern: &str, events: &EventSet) -> bool {
    match events {
        EventSet::Events(events) => {
            let mut at = 0;
            while at < events.len() {
                if pattern_meets_event(pattern, &events[at]) {
                    return true;
                }
                at += 1;
            }
            false
        }
        EventSet::Sets(sets) => {
            let mut at = 0;
            while at < sets.len() {
                if pattern_meets(pattern, &sets[at]) {
                    return true;
                }
                at += 1;
            }
            false
        }
    }
}

/// Whether `pattern` can match a key of the event, or of a version it is upcast from.
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
