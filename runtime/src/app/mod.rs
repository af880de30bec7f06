//! The app: a service's handlers, described, validated, started and stopped.

#[cfg(feature = "runtime")]
mod builder;
pub mod describe;
#[cfg(feature = "runtime")]
pub mod health;
#[cfg(feature = "runtime")]
mod retired;
#[cfg(feature = "runtime")]
pub(crate) mod running;
#[cfg(feature = "runtime")]
mod signal;
#[cfg(feature = "runtime")]
mod spec;

#[cfg(feature = "runtime")]
pub use builder::{App, NoState};
