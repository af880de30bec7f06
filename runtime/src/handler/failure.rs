//! The failure of an attempt.

use super::error::HandlerError;
use super::extract::Rejection;
use crate::event::decode::DecodeError;

/// Why an attempt failed: before the handler ran, or by the handler itself.
#[doc(hidden)]
#[derive(Debug)]
pub enum Failure {
    /// The event could not be decoded.
    Undecodable(DecodeError),
    /// An extractor rejected the delivery.
    Rejected(Rejection),
    /// The handler returned an error.
    Failed(HandlerError),
}
