//! The door of the benchmarks (`bench/`): the steps of an event's life one by one, and a broker that costs next to
//! nothing. It is there for them alone, behind a feature that no one else has a use for.

mod many_handlers;
mod null_broker;
mod topics;
mod wire;

#[cfg(feature = "rabbitmq")]
pub use crate::broker::rabbitmq::packed::Packed;
pub use many_handlers::ManyHandlers;
pub use null_broker::NullBroker;
pub use topics::Topics;
pub use wire::Wire;
