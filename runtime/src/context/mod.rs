//! Correlation, cause and trace of events.

#[cfg(feature = "runtime")]
pub(crate) mod current;
#[cfg(feature = "tower")]
pub mod http;
pub(crate) mod trace;

#[cfg(feature = "runtime")]
pub use current::{Context, InvalidCorrelationId, spawn, spawn_blocking};
