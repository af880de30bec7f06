//! The return value of a handler: nothing, events, or a `Result` of those.

use crate::event::descriptor::{EventDescriptor, EventSet};
use crate::event::payload::{self, Prepared, Unpublishable};
use crate::event::{AnyEvent, DomainEvent, EventFamily};

use super::error::{HandlerError, IntoHandlerError, Verdict};
use super::failure::Failure;

/// A type that an event handler can return: `()`, an event or a family, an `Option`, `Vec` or tuple of those, or a
/// `Result` of any of them. Returned events are published before the delivery is acknowledged.
#[diagnostic::on_unimplemented(
    message = "an event handler cannot return `{Self}`",
    label = "neither nothing nor an event",
    note = "return (), an event, an Option, Vec or tuple of events, or a Result of those"
)]
pub trait IntoOutcome: Sized {
    /// The shape has the function bodies, so that derived code has none.
    #[doc(hidden)]
    type Shape: ReturnShape<Self>;

    /// The events that the value can contain.
    #[doc(hidden)]
    const RETURNS: EventSet = Self::Shape::EVENTS;

    /// Takes out the events or the error. `verdict` was found in the error before its type was erased.
    ///
    /// # Errors
    /// The handler's own error.
    #[doc(hidden)]
    fn finish(self, verdict: Option<Verdict>) -> Result<Returned, Failure> {
        let mut events = Returned::default();
        match Self::Shape::collect(self, &mut events) {
            Ok(()) => Ok(events),
            Err(mut error) => {
                if let Some(verdict) = verdict {
                    error.set_verdict(verdict);
                }
                Err(Failure::Failed(error))
            }
        }
    }
}

/// The access to the events in a returned value.
#[doc(hidden)]
pub trait ReturnShape<T> {
    /// The events that the value can contain.
    const EVENTS: EventSet;
    /// Takes out the events.
    ///
    /// # Errors
    /// The handler's own error.
    fn collect(value: T, returned: &mut Returned) -> Result<(), HandlerError>;
}

/// The encoded events that a handler returned, in order.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Returned {
    pub(crate) events: Vec<Prepared>,
    pub(crate) error: Option<Unpublishable>,
}

impl Returned {
    fn push<T: payload::Payload>(&mut self, event: &T) {
        match payload::prepare(event) {
            Ok(prepared) => self.events.push(prepared),
            // The delivery is dead-lettered with the first error, and none of its events is published.
            Err(error) => self.error = self.error.take().or(Some(error)),
        }
    }
}

/// The shape of a single event.
#[doc(hidden)]
#[derive(Debug)]
pub enum ReturnsEvent {}

/// The shape of a family.
#[doc(hidden)]
#[derive(Debug)]
pub enum ReturnsFamily {}

/// The shape of a value that contains other values.
#[doc(hidden)]
#[derive(Debug)]
pub enum ReturnsMany {}

#[diagnostic::do_not_recommend]
impl<T: DomainEvent + payload::Payload> ReturnShape<T> for ReturnsEvent {
    const EVENTS: EventSet = EventSet::Events(&[EventDescriptor::of::<T>()]);

    fn collect(value: T, returned: &mut Returned) -> Result<(), HandlerError> {
        returned.push(&value);
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<T: EventFamily + payload::Payload> ReturnShape<T> for ReturnsFamily {
    const EVENTS: EventSet = T::EVENTS;

    fn collect(value: T, returned: &mut Returned) -> Result<(), HandlerError> {
        returned.push(&value);
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl IntoOutcome for AnyEvent {
    type Shape = ReturnsMany;
}

impl ReturnShape<AnyEvent> for ReturnsMany {
    const EVENTS: EventSet = EventSet::NONE;

    fn collect(value: AnyEvent, returned: &mut Returned) -> Result<(), HandlerError> {
        returned.push(&value);
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<T: IntoOutcome> IntoOutcome for Option<T> {
    type Shape = ReturnsMany;
}

#[diagnostic::do_not_recommend]
impl<T: IntoOutcome> ReturnShape<Option<T>> for ReturnsMany {
    const EVENTS: EventSet = T::Shape::EVENTS;

    fn collect(value: Option<T>, returned: &mut Returned) -> Result<(), HandlerError> {
        value.map_or(Ok(()), |value| T::Shape::collect(value, returned))
    }
}

#[diagnostic::do_not_recommend]
impl<T: IntoOutcome> IntoOutcome for Vec<T> {
    type Shape = ReturnsMany;
}

#[diagnostic::do_not_recommend]
impl<T: IntoOutcome> ReturnShape<Vec<T>> for ReturnsMany {
    const EVENTS: EventSet = T::Shape::EVENTS;

    fn collect(value: Vec<T>, returned: &mut Returned) -> Result<(), HandlerError> {
        value
            .into_iter()
            .try_for_each(|value| T::Shape::collect(value, returned))
    }
}

impl<T: IntoOutcome, E: IntoHandlerError> IntoOutcome for Result<T, E> {
    type Shape = ReturnsMany;
}

#[diagnostic::do_not_recommend]
impl<T: IntoOutcome, E: IntoHandlerError> ReturnShape<Result<T, E>> for ReturnsMany {
    const EVENTS: EventSet = T::Shape::EVENTS;

    fn collect(value: Result<T, E>, returned: &mut Returned) -> Result<(), HandlerError> {
        T::Shape::collect(value.map_err(IntoHandlerError::into_handler_error)?, returned)
    }
}

#[diagnostic::do_not_recommend]
impl IntoOutcome for () {
    type Shape = ReturnsMany;
}

impl ReturnShape<()> for ReturnsMany {
    const EVENTS: EventSet = EventSet::NONE;

    fn collect((): (), _: &mut Returned) -> Result<(), HandlerError> {
        Ok(())
    }
}

macro_rules! tuples {
    ($($name:ident)+) => {
        #[diagnostic::do_not_recommend]
        impl<$($name: IntoOutcome),+> IntoOutcome for ($($name,)+) {
            type Shape = ReturnsMany;
        }

        #[diagnostic::do_not_recommend]
        impl<$($name: IntoOutcome),+> ReturnShape<($($name,)+)> for ReturnsMany {
            const EVENTS: EventSet = EventSet::Sets(&[$($name::Shape::EVENTS),+]);

            #[allow(non_snake_case)]
            fn collect(($($name,)+): ($($name,)+), returned: &mut Returned) -> Result<(), HandlerError> {
                $($name::Shape::collect($name, returned)?;)+
                Ok(())
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
