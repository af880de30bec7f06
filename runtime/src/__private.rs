//! What generated code reaches into. Nothing here is for people, and none of it is stable.

pub use crate::classify::{
    Classify, IsOfType, OfAnything, OfErased, OfError, OfHandlerError, OfPointer, RejectedError,
};
pub use crate::descriptor::EventSet;
pub use crate::event::{AggregateId, EventVisitor, KnownEvent, OtherEvent, UpcastFrom};
pub use crate::handler::{
    Branch, Failure, Handle, HandlerFuture, HandlerList, Handlers, Registered, Registration, descriptor,
    extract,
};
pub use crate::handler_error::Verdict;
pub use crate::input::{HandlerInput, InputShape, OneEvent, OneOfFamily, Takes};
pub use crate::payload::{FamilyOfEvents, Payload, PayloadKind, SingleEvent};
#[cfg(feature = "contracts")]
pub use crate::probe::Probe;
pub use crate::returns::{IntoOutcome, ReturnShape, Returned, ReturnsEvent, ReturnsFamily};
pub use crate::routing_key::{KeyWord, RoutingKeyBuilder, RoutingKeyError};
pub use crate::schema::document;
pub use crate::stub::Stub;
pub use crate::wire::decode::wrong_type;

pub mod proofs {
    //! The proofs of constants.
    pub use crate::proofs::{
        Fault, count_events, event_faults, handler_faults, pattern_meets, patterns_cover, patterns_follow,
        upcast, variant_is_alone,
    };
}
