//! Items that generated code uses. They are not public API and may change in any release.

pub use crate::event::derive::{AggregateId, EventVisitor, KnownEvent, OtherEvent, UpcastFrom, wrong_type};
pub use crate::event::descriptor::EventSet;
#[cfg(feature = "contracts")]
pub use crate::event::introspect::Introspect;
pub use crate::event::payload::{FamilyOfEvents, Payload, PayloadKind, SingleEvent};
pub use crate::event::schema::document;
pub use crate::handler::classify::{
    Classify, IsOfType, OfAnything, OfErased, OfError, OfHandlerError, OfPointer, RejectedError,
};
pub use crate::handler::error::Verdict;
pub use crate::handler::failure::Failure;
pub use crate::handler::input::{HandlerInput, InputShape, OneEvent, OneOfFamily, Takes};
pub use crate::handler::list::{
    Branch, Handle, HandlerFuture, HandlerList, Handlers, Registered, Registration, descriptor, extract,
};
pub use crate::handler::returns::{IntoOutcome, ReturnShape, Returned, ReturnsEvent, ReturnsFamily};
pub use crate::handler::stub::Stub;
pub use crate::message::routing_key::{KeyWord, RoutingKeyBuilder, RoutingKeyError};

pub mod proofs {
    //! Functions that the macros call in constants, to prove rules at compile time.
    pub use crate::handler::proofs::{
        Fault, count_events, event_faults, handler_faults, pattern_meets, patterns_cover, patterns_follow,
        upcast, variant_is_alone,
    };
}
