//! The app: a service with its handlers, from the builder to the shutdown.

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
mod validate;

#[cfg(feature = "runtime")]
pub use builder::{App, NoState};
