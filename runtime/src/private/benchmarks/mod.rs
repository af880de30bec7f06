//! Entry points for the benchmarks in `bench/`: the steps of publishing and consuming one by one, and a broker that
//! does almost no work. Only the feature `__bench` compiles them.

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
