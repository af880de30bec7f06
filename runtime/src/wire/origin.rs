//! Where a message came from at first, and what of its past can be believed.

use std::sync::Arc;

use super::names;
use crate::message::Message;
use crate::message::headers::{HeaderValue, Headers};
use crate::message::timestamp::Timestamp;

/// Where a message was published to at first, and what its attempts came to so far.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Origin {
    pub(crate) exchange: Arc<str>,
    pub(crate) routing_key: Arc<str>,
    /// Which attempt this is, from 1.
    pub(crate) attempt: u32,
    /// How often it had come back unsettled when it was set aside.
    pub(crate) returns: u32,
    pub(crate) first_received_at: Timestamp,
    pub(crate) last_error: Option<String>,
    pub(crate) arrival: Arrival,
}

/// The way a message came into its queue, which says what of its `tidings-*` headers is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// From a publisher: nothing. Whoever may write to `domain_events` could write them.
    Published,
    /// Through the service's own return exchange, where only the service itself may write: everything.
    Returned,
    /// Put straight into the queue, as a shovelled dead letter: where it came from at first, so that it is judged by
    /// the key it was published under. Its attempts start at 1 again. Only someone who may write to every queue
    /// of the broker can do that, so there is nothing left to forge.
    Redriven,
}

/// Where `message`, taken from `queue` at `received_at`, came from at first.
pub(crate) fn origin(
    message: &Message,
    return_exchange: &str,
    queue: &str,
    received_at: Timestamp,
) -> Origin {
    let headers = &message.headers;
    let arrival = arrival(message, return_exchange, queue);
    let published = Origin {
        exchange: Arc::clone(&message.exchange),
        routing_key: Arc::clone(&message.routing_key),
        attempt: 1,
        returns: 0,
        first_received_at: received_at,
        last_error: None,
        arrival,
    };
    let redriven = |published: Origin| Origin {
        exchange: headers
            .text(names::ORIGINAL_EXCHANGE)
            .map_or(published.exchange, Arc::from),
        routing_key: headers
            .text(names::ORIGINAL_ROUTING_KEY)
            .map_or(published.routing_key, Arc::from),
        ..published
    };
    match arrival {
        Arrival::Published => published,
        Arrival::Redriven => redriven(published),
        Arrival::Returned => Origin {
            attempt: number(headers, names::ATTEMPT).unwrap_or(1).max(1),
            returns: number(headers, names::RETURNS).unwrap_or(0),
            first_received_at: headers
                .text(names::FIRST_RECEIVED_AT)
                .and_then(|at| at.parse().ok())
                .unwrap_or(received_at),
            last_error: headers.text(names::ERROR).map(ToOwned::to_owned),
            ..redriven(published)
        },
    }
}

fn arrival(message: &Message, return_exchange: &str, queue: &str) -> Arrival {
    if !return_exchange.is_empty() && *message.exchange == *return_exchange {
        Arrival::Returned
    } else if message.exchange.is_empty() && *message.routing_key == *queue {
        Arrival::Redriven
    } else {
        Arrival::Published
    }
}

fn number(headers: &Headers, name: &str) -> Option<u32> {
    let number = headers.get(name).and_then(HeaderValue::as_i64)?;
    u32::try_from(number).ok()
}
