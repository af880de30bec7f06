//! Tidings.
#[cfg(feature = "runtime")]
mod broker;
mod classify;
#[cfg(feature = "runtime")]
mod clock;
#[cfg(feature = "runtime")]
mod confirm;
#[cfg(feature = "runtime")]
mod consume;
mod delivery;
mod descriptor;
#[cfg(feature = "runtime")]
pub mod error;
mod event;
mod extract;
mod handler;
mod handler_error;
mod headers;
mod input;
mod message;
mod payload;
mod proofs;
mod returns;
mod routing_key;
mod timestamp;
pub mod topic;
pub mod topology;
mod trace;
mod wire;

#[doc(hidden)]
pub mod __private;

pub use delivery::Delivery;
pub use descriptor::EventDescriptor;
#[cfg(feature = "runtime")]
pub use error::{Error, Result};
pub use event::{AnyEvent, DomainEvent, Event, EventFamily, Metadata};
pub use extract::{FromDelivery, FromRef, Rejection, State};
pub use handler::HandlerDescriptor;
pub use handler_error::{HandlerError, HandlerVerdict};
pub use headers::{HeaderValue, Headers};
pub use message::Properties;
pub use payload::{Payload, Unpublishable};
pub use routing_key::RoutingKeyError;
pub use tidings_macros::{DomainEvent, event_handler, events, handlers};
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use trace::TraceContext;
pub use wire::decode::DecodeError;
