//! Why a broker refused a message.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The broker sent a nack: a queue is full, or elects a new leader.
    Nacked,
    /// The message was mandatory, and no queue receives it.
    Unroutable,
    NoExchange,
    /// The user has no permission to write to the exchange. Contains the text of the broker.
    Forbidden(String),
    /// The user has no topic permission for the routing key. Contains the text of the broker.
    ForbiddenKey(String),
    /// The broker rejects this message every time, for example because of its size. Contains the text of the broker.
    Unacceptable(String),
    Closed,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nacked => f.write_str("the broker refused it"),
            Self::Unroutable => f.write_str("no queue takes it"),
            Self::NoExchange => f.write_str("its exchange does not exist"),
            Self::Forbidden(why) | Self::ForbiddenKey(why) => write!(f, "the broker forbids it: {why}"),
            Self::Unacceptable(why) => write!(f, "the broker rejects the message: {why}"),
            Self::Closed => f.write_str("the bus is closed"),
        }
    }
}

impl std::error::Error for Refusal {}
