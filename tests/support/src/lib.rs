//! The code that the test suites of Tidings share.
//!
//! - [`install`] installs programs in other languages from their lock files.
//! - [`log`] is the log of a test process.
//! - [`program`] runs such a program, with commands and messages as lines of JSON.
//! - [`foreign_client`] is an AMQP client that does not use Tidings.
//! - [`wait`] waits for conditions, always with a deadline.

#[cfg(feature = "clients")]
pub mod foreign_client;
pub mod install;
#[cfg(feature = "clients")]
pub mod log;
#[cfg(feature = "clients")]
pub mod program;
#[cfg(feature = "clients")]
pub mod wait;

/// Returns the text of an error and of all its causes, joined by `: `.
pub fn error_text(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
