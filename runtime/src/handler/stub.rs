//! The stub of an event whose attribute has an error. It compiles wherever the event would, so that one mistake gives
//! one error.

use super::error::HandlerError;
use super::input::InputShape;
use super::returns::{ReturnShape, Returned};
use crate::event::AnyEvent;
use crate::event::decode::DecodeError;
use crate::event::derive::EventVisitor;
use crate::event::descriptor::EventSet;
use crate::event::payload::PayloadKind;

/// The kind, the input and the output of a stub.
#[doc(hidden)]
#[derive(Debug)]
pub enum Stub {}

#[diagnostic::do_not_recommend]
impl<T> PayloadKind<T> for Stub {
    fn visit<V: EventVisitor>(_: &T, _: V) -> V::Output {
        unreachable!("a program with a stub does not compile")
    }
}

#[diagnostic::do_not_recommend]
impl<T> InputShape<T> for Stub {
    const EVENTS: EventSet = EventSet::STUB;
    const ANY: bool = false;

    fn decode(_: &AnyEvent) -> Result<T, DecodeError> {
        unreachable!("a program with a stub does not compile")
    }
}

#[diagnostic::do_not_recommend]
impl<T> ReturnShape<T> for Stub {
    const EVENTS: EventSet = EventSet::STUB;

    fn collect(_: T, _: &mut Returned) -> Result<(), HandlerError> {
        unreachable!("a program with a stub does not compile")
    }
}
