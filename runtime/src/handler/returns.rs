//! What a handler may return: nothing, events, or a `Result` of those.

use crate::event::descriptor::{EventDescriptor, EventSet};
use crate::event::payload::{self, Prepared, Unpublishable};
use crate::event::{AnyEvent, DomainEvent, EventFamily};
use crate::handler::Failure;
use crate::handler::error::{HandlerError, IntoHandlerError, Verdict};

/// What an event handler may return: `()`, an event or a family, an `Option`, `Vec` or tuple of those, or a `Result`
/// of any of them. Every returned event is published before the delivery is acknowledged.
#[diagnostic::on_unimplemented(
    message = "an event handler cannot return `{Self}`",
    label = "neither nothing nor an event",
    note = "return (), an event, an Option, Vec or tuple of events, or a Result of those"
)]
pub trait IntoOutcome: Sized {
    /// It does the work, so that the derive emits no body.
    #[doc(hidden)]
    type Shape: ReturnShape<Self>;

    /// The events it can yield.
    #[doc(hidden)]
    const RETURNS: EventSet = Self::Shape::EVENTS;

    /// Takes the events out of it, or its error, judged already while its type was known.
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

/// How a returned value yields its events.
#[doc(hidden)]
pub trait ReturnShape<T> {
    /// The events it can yield.
    const EVENTS: EventSet;
    /// Takes the events out of it.
    ///
    /// # Errors
    /// The handler's own error.
    fn collect(value: T, returned: &mut Returned) -> Result<(), HandlerError>;
}

/// The events that a handler returned, in order, each as far encoded as it can be before it is published.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Returned {
    pub(crate) events: Vec<Prepared>,
    pub(crate) fault: Option<Unpublishable>,
}

impl Returned {
    fn push<T: payload::Payload>(&mut self, event: &T) {
        match payload::prepare(event) {
            Ok(prepared) => self.events.push(prepared),
            // The first fault speaks for the delivery: it is dead-lettered, and none of its events is published.
            Err(fault) => self.fault = self.fault.take().or(Some(fault)),
        }
    }
}

/// One event.
#[doc(hidden)]
#[derive(Debug)]
pub enum ReturnsEvent {}

/// One of a family.
#[doc(hidden)]
#[derive(Debug)]
pub enum ReturnsFamily {}

/// A value built of others.
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
