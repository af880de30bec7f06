//! Tidings.
#[cfg(feature = "runtime")]
mod broker;
#[cfg(feature = "runtime")]
#[allow(dead_code, reason = "the app that uses it is not there yet")]
mod clock;
#[cfg(feature = "runtime")]
mod confirm;
#[cfg(feature = "runtime")]
mod consume;
#[cfg(feature = "runtime")]
mod context;
mod delivery;
mod descriptor;
#[cfg(feature = "runtime")]
pub mod error;
mod event;
mod extract;
mod handler;
mod handler_error;
mod headers;
#[cfg(feature = "tower")]
pub mod http;
mod input;
#[cfg(feature = "runtime")]
#[allow(dead_code, reason = "the bus that uses it is not there yet")]
mod memory;
mod message;
mod payload;
mod reason;
mod returns;
mod routing_key;
mod timestamp;
pub mod topic;
pub mod topology;
#[allow(dead_code)] // Until the bus and the consumers call it; without the runtime nothing does.
mod trace;
#[allow(dead_code)] // The same.
mod wire;

#[doc(hidden)]
pub mod __private;

#[cfg(feature = "runtime")]
pub use context::{Context, InvalidCorrelationId, spawn, spawn_blocking};
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
pub use reason::{Reason, UnknownReason};
pub use routing_key::RoutingKeyError;
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use trace::TraceContext;
pub use wire::decode::DecodeError;
