//! The origin of a message: where it was first published, and which of its `tidings-*` headers are trusted.

use std::sync::Arc;

use super::names;
use crate::message::Message;
use crate::message::headers::{HeaderValue, Headers};
use crate::message::timestamp::Timestamp;

/// Where a message was first published, and the state of its attempts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Origin {
    pub(crate) exchange: Arc<str>,
    pub(crate) routing_key: Arc<str>,
    pub(crate) attempt: AttemptNumber,
    /// How often the delivery had returned unsettled when it was set aside.
    pub(crate) returns: u32,
    pub(crate) first_received_at: Timestamp,
    pub(crate) last_error: Option<String>,
    pub(crate) arrival: Arrival,
}

/// The number of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AttemptNumber {
    /// From 1.
    pub(crate) number: u32,
    /// How many attempts before it do not count towards the maximum, because the breaker was open.
    pub(crate) uncounted: u32,
}

impl AttemptNumber {
    pub(crate) const FIRST: Self = Self {
        number: 1,
        uncounted: 0,
    };

    /// The attempt after this one. `counts` says whether this one counts.
    pub(crate) fn next(self, counts: bool) -> Self {
        Self {
            number: self.number.saturating_add(1),
            uncounted: self.uncounted.saturating_add(u32::from(!counts)),
        }
    }

    /// The number among the attempts that count, from 1.
    pub(crate) fn counted(self) -> u32 {
        self.number.saturating_sub(self.uncounted).max(1)
    }
}

/// How a message reached its queue. This decides which of its `tidings-*` headers are trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// From a publisher. No header is trusted, because everyone who may publish to `domain_events` can set them.
    Published,
    /// Through the service's return exchange. All headers are trusted, because only the service may publish there.
    Returned,
    /// Directly into the queue, as a redriven dead letter. The original exchange and routing key are trusted, so that
    /// the message is routed by its original key. Its attempts start at 1 again. Only users with permission to write to
    /// every queue can publish this way.
    Redriven,
}

/// Determines the origin of `message`, which was received from `queue` at `received_at`.
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
        attempt: AttemptNumber::FIRST,
        returns: 0,
        first_received_at: received_at,
        last_error: None,
        arrival,
    };
    let with_original_address = |published: Origin| Origin {
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
        Arrival::Redriven => with_original_address(published),
        Arrival::Returned => Origin {
            attempt: AttemptNumber {
                number: number(headers, names::ATTEMPT).unwrap_or(1).max(1),
                uncounted: number(headers, names::UNCOUNTED).unwrap_or(0),
            },
            returns: number(headers, names::RETURNS).unwrap_or(0),
            first_received_at: headers
                .text(names::FIRST_RECEIVED_AT)
                .and_then(|at| at.parse().ok())
                .unwrap_or(received_at),
            last_error: headers.text(names::ERROR).map(ToOwned::to_owned),
            ..with_original_address(published)
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
