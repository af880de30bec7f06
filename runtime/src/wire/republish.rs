//! Republishing a delivery to a delay queue or the dead-letter queue: the same body with a new address and headers.

use super::error_text::{Redact, cut, for_header};
use super::limits::Limits;
use super::names;
use super::origin::{Arrival, AttemptNumber, Origin};
use crate::message::Message;
use crate::message::headers::{HeaderValue, Headers};
use crate::message::properties::{BorrowedProperties, CompactProperties};
use crate::message::reason::Reason;
use crate::message::timestamp::Timestamp;

/// The new address of a delivery.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Destination<'a> {
    pub(crate) exchange: &'a str,
    pub(crate) routing_key: &'a str,
}

/// The details of a delivery in the headers of the republished message.
#[derive(Clone, Copy)]
pub(crate) struct RepublishDetails<'a> {
    pub(crate) service: &'a str,
    pub(crate) handler: &'a str,
    pub(crate) queue: &'a str,
    pub(crate) first_received_at: Timestamp,
    /// The error of the attempt and its causes, one per line.
    pub(crate) error: Option<&'a str>,
    pub(crate) redact: Option<Redact<'a>>,
    pub(crate) kind: RepublishKind,
}

/// Why a delivery is republished.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RepublishKind {
    Retry {
        next: AttemptNumber,
    },
    /// The delivery may crash its process. It moves to the end of its queue and then runs in a trial.
    SetAside {
        next: AttemptNumber,
        /// How often the delivery returned unsettled.
        returns: u32,
    },
    DeadLetter {
        reason: Reason,
        /// The number of attempts that failed.
        attempts: u32,
        at: Timestamp,
    },
}

/// Builds the message that republishes `message`.
///
/// The body and the headers of other producers stay the same. Properties and headers that the broker would act on again
/// move to `tidings-original-*` headers, for the reasons in [`names`].
pub(crate) fn republish(
    message: &Message,
    origin: &Origin,
    to: Destination<'_>,
    details: &RepublishDetails<'_>,
    limits: &Limits,
) -> Message {
    let mut headers = foreign_headers(&message.headers);
    match origin.arrival {
        Arrival::Published => record_originals(message, origin, &mut headers),
        Arrival::Returned | Arrival::Redriven => copy_originals(message, origin, &mut headers),
    }
    add_details(details, &mut headers);
    shrink(&mut headers, limits.max_header_bytes);
    Message {
        exchange: to.exchange.into(),
        routing_key: to.routing_key.into(),
        properties: copied_properties(&message.properties),
        headers,
        body: message.body.clone(),
    }
}

fn copied_properties(properties: &CompactProperties) -> CompactProperties {
    BorrowedProperties {
        persistent: true,
        priority: None,
        reply_to: None,
        expiration: None,
        user_id: None,
        ..properties.borrowed()
    }
    .into()
}

/// The headers that belong neither to tidings nor to the broker.
fn foreign_headers(headers: &Headers) -> Headers {
    let mut headers = headers.clone();
    headers.retain(|name, _| !names::is_tidings_header(name) && !names::is_broker_header(name));
    headers
}

/// Records the address and the properties of the first publish.
fn record_originals(message: &Message, origin: &Origin, headers: &mut Headers) {
    let properties = &message.properties;
    headers.set(names::ORIGINAL_EXCHANGE, &*origin.exchange);
    headers.set(names::ORIGINAL_ROUTING_KEY, &*origin.routing_key);
    for (name, value) in [
        (names::ORIGINAL_USER_ID, properties.user_id()),
        (names::ORIGINAL_EXPIRATION, properties.expiration()),
        (names::ORIGINAL_REPLY_TO, properties.reply_to()),
    ] {
        if let Some(value) = value {
            headers.set(name, value);
        }
    }
    if let Some(priority) = properties.priority() {
        headers.set(names::ORIGINAL_PRIORITY, HeaderValue::U8(priority));
    }
    for (name, value) in [
        (names::ORIGINAL_CC, message.headers.get(names::CC)),
        (names::ORIGINAL_BCC, message.headers.get(names::BCC)),
    ] {
        if let Some(value) = value {
            headers.set(name, value.clone());
        }
    }
}

/// Copies the records of the first republish. The message itself is a copy, so its own properties do not count.
fn copy_originals(message: &Message, origin: &Origin, headers: &mut Headers) {
    for (name, value) in message.headers.iter() {
        if name.starts_with(names::ORIGINAL) || name == names::DROPPED_HEADERS {
            headers.set(name, value.clone());
        }
    }
    headers.set(names::ORIGINAL_EXCHANGE, &*origin.exchange);
    headers.set(names::ORIGINAL_ROUTING_KEY, &*origin.routing_key);
}

fn add_details(details: &RepublishDetails<'_>, headers: &mut Headers) {
    headers.set(names::SERVICE, details.service);
    headers.set(names::HANDLER, details.handler);
    headers.set(names::QUEUE, details.queue);
    headers.set(names::FIRST_RECEIVED_AT, details.first_received_at.to_string());
    match details.kind {
        RepublishKind::Retry { next } => add_attempt(next, headers),
        RepublishKind::SetAside { next, returns } => {
            add_attempt(next, headers);
            headers.set(names::RETURNS, returns);
        }
        RepublishKind::DeadLetter { reason, attempts, at } => {
            headers.set(names::DEAD_LETTER_REASON, reason.as_str());
            headers.set(names::ATTEMPTS, attempts);
            headers.set(names::DEAD_LETTERED_AT, at.to_string());
        }
    }
    if let Some(error) = details.error {
        headers.set(names::ERROR, for_header(error, details.redact));
    }
}

fn add_attempt(next: AttemptNumber, headers: &mut Headers) {
    headers.set(names::ATTEMPT, next.number);
    if next.uncounted > 0 {
        headers.set(names::UNCOUNTED, next.uncounted);
    }
}

/// Shrinks the headers to `limit` bytes. Cuts the error text first, then drops foreign headers, the largest first.
fn shrink(headers: &mut Headers, limit: usize) {
    let over = headers.wire_size().saturating_sub(limit);
    if over == 0 {
        return;
    }
    if let Some(HeaderValue::Text(mut error)) = headers.remove(names::ERROR)
        && error.len() > over
    {
        let room = error.len() - over;
        cut(&mut error, room);
        headers.set(names::ERROR, error);
    }
    if headers.wire_size() > limit {
        drop_largest(headers, limit);
    }
}

/// The limit of the header that lists the dropped headers.
const DROPPED_LIST_BYTES: usize = 1024;

fn drop_largest(headers: &mut Headers, limit: usize) {
    let mut dropped = match headers.remove(names::DROPPED_HEADERS) {
        Some(HeaderValue::Text(dropped)) => dropped,
        _ => String::new(),
    };
    let room = limit.saturating_sub(DROPPED_LIST_BYTES + names::DROPPED_HEADERS.len() + 6);
    while headers.wire_size() > room {
        let Some(name) = largest(headers) else { break };
        headers.remove(&name);
        if !dropped.is_empty() {
            dropped.push_str(", ");
        }
        dropped.push_str(&name);
    }
    cut(&mut dropped, DROPPED_LIST_BYTES);
    headers.set(names::DROPPED_HEADERS, dropped);
}

/// The largest header that can be dropped. A retry needs the other `tidings-*` headers, for example its attempt number.
fn largest(headers: &Headers) -> Option<String> {
    let is_droppable = |name: &str| !names::is_tidings_header(name) || names::is_droppable(name);
    headers
        .iter()
        .filter(|(name, _)| is_droppable(name))
        .max_by_key(|(name, value)| name.len() + value.wire_size())
        .map(|(name, _)| name.to_owned())
}
