//! What stands in for an event whose attribute is wrong, so that one mistake is one error: it compiles wherever the event
//! would, and never runs.

use crate::event::decode::DecodeError;
use crate::event::descriptor::EventSet;
use crate::event::payload::PayloadKind;
use crate::event::{AnyEvent, EventVisitor};
use crate::handler::error::HandlerError;
use crate::handler::input::InputShape;
use crate::handler::returns::{ReturnShape, Returned};

/// The kind, the input and the output of a stub.
#[doc(hidden)]
#[derive(Debug)]
pub enum Stub {}

#[diagnostic::do_not_recommend]
impl<T> PayloadKind<T> for Stub {
    fn visit<V: EventVisitor>(_: &T, _: V) -> V::Output {
        unreachable!("a stub is beside an error")
    }
}

#[diagnostic::do_not_recommend]
impl<T> InputShape<T> for Stub {
    const EVENTS: EventSet = EventSet::STUB;
    const ANY: bool = false;

    fn decode(_: &AnyEvent) -> Result<T, DecodeError> {
        unreachable!("a stub is beside an error")
    }
}

#[diagnostic::do_not_recommend]
impl<T> ReturnShape<T> for Stub {
    const EVENTS: EventSet = EventSet::STUB;

    fn collect(_: T, _: &mut Returned) -> Result<(), HandlerError> {
        unreachable!("a stub is beside an error")
    }
}
