//! Why a broker did not take a message.

use std::fmt;

/// Why a broker did not take a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It said no (a nack): a queue is full, or a leader is being elected.
    Nacked,
    /// It was mandatory and no queue takes it.
    Unroutable,
    /// The exchange is not there.
    NoExchange,
    /// The user may not write there; the broker's own words.
    Forbidden(String),
    /// The broker takes no such message, however often it is tried; its own words.
    Unacceptable(String),
    /// The broker was closed.
    Closed,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nacked => f.write_str("the broker refused it"),
            Self::Unroutable => f.write_str("no queue takes it"),
            Self::NoExchange => f.write_str("its exchange does not exist"),
            Self::Forbidden(why) => write!(f, "the broker forbids it: {why}"),
            Self::Unacceptable(why) => write!(f, "the broker takes no such message: {why}"),
            Self::Closed => f.write_str("the bus is closed"),
        }
    }
}

impl std::error::Error for Refusal {}
