//! What generated code reaches into. Nothing here is for people, and none of it is stable.

pub use crate::descriptor::EventSet;
pub use crate::event::EventVisitor;
pub use crate::handler::{Failure, Handle, HandlerFuture, HandlerList, Handlers, Registered, Registration};
pub use crate::input::{HandlerInput, InputShape, OneEvent, OneOfFamily};
pub use crate::payload::{FamilyOfEvents, Payload, PayloadKind, SingleEvent};
pub use crate::returns::{IntoOutcome, ReturnShape, Returned, ReturnsEvent, ReturnsFamily};
pub use crate::routing_key::RoutingKeyBuilder;
pub use crate::wire::decode::upcast;
