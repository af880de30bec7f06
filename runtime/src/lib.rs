#![doc = include_str!("../README.md")]

#[cfg(feature = "runtime")]
mod app;
#[cfg(feature = "runtime")]
mod broker;
#[cfg(feature = "runtime")]
mod bus;
mod classify;
#[cfg(feature = "runtime")]
mod clock;
#[cfg(feature = "runtime")]
mod config;
#[cfg(feature = "runtime")]
mod confirm;
#[cfg(feature = "runtime")]
mod consume;
#[cfg(feature = "runtime")]
mod context;
mod delivery;
pub mod describe;
mod descriptor;
#[cfg(feature = "runtime")]
pub mod error;
mod event;
mod extract;
mod handler;
mod handler_error;
mod headers;
#[cfg(feature = "runtime")]
pub mod health;
#[cfg(feature = "tower")]
pub mod http;
mod input;
#[cfg(feature = "runtime")]
#[allow(dead_code)] // The faults it can pretend are for tests.
mod memory;
mod message;
mod payload;
mod proofs;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
mod reason;
mod returns;
mod routing_key;
#[cfg(feature = "runtime")]
mod running;
#[cfg(feature = "runtime")]
mod signal;
#[cfg(feature = "runtime")]
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod timestamp;
pub mod topic;
pub mod topology;
#[cfg_attr(not(feature = "runtime"), allow(dead_code))] // Only the runtime reads and writes headers.
mod trace;
#[cfg_attr(not(feature = "runtime"), allow(dead_code))] // Only the runtime reads and writes messages.
mod wire;

#[doc(hidden)]
pub mod __private;

#[cfg(feature = "runtime")]
pub use app::{App, NoState};
#[cfg(feature = "runtime")]
pub use bus::{Bus, BusHealth, PublishOptions};
#[cfg(feature = "runtime")]
pub use config::{BusBuilder, Declare};
#[cfg(feature = "runtime")]
pub use consume::around::Next;
#[cfg(feature = "runtime")]
pub use consume::outcome::Outcome;
#[cfg(feature = "runtime")]
pub use context::{Context, InvalidCorrelationId, spawn, spawn_blocking};
pub use delivery::Delivery;
pub use descriptor::EventDescriptor;
#[cfg(feature = "runtime")]
pub use error::{Error, Result};
pub use event::{AnyEvent, DomainEvent, Event, EventFamily, Metadata};
#[cfg(feature = "runtime")]
pub use extract::Shutdown;
pub use extract::{FromDelivery, FromRef, Rejection, State};
pub use handler::HandlerDescriptor;
pub use handler_error::{HandlerError, HandlerVerdict};
pub use headers::{HeaderValue, Headers};
pub use message::Properties;
pub use payload::{Payload, Unpublishable};
pub use reason::{Reason, UnknownReason};
pub use routing_key::RoutingKeyError;
#[cfg(feature = "runtime")]
pub use running::RunningApp;
pub use tidings_macros::{DomainEvent, event_handler, events, handlers};
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use trace::TraceContext;
pub use wire::decode::DecodeError;
