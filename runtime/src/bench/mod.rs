//! The door of the benchmarks (`bench/`): the steps of an event's life one by one, and a broker that costs next to
//! nothing. It is there for them alone, behind a feature that no one else has a use for.

mod crowd;
mod topics;
mod treadmill;
mod wire;

#[cfg(feature = "rabbitmq")]
pub use crate::rabbitmq::packed::Packed;
pub use crowd::Crowd;
pub use topics::Topics;
pub use treadmill::Treadmill;
pub use wire::Wire;
