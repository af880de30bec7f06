//! Sending a delivery on, to a delay or to the dead letters: the same body, under another address.

use super::error_text::{Redact, cut, for_header};
use super::limits::Limits;
use super::names;
use super::origin::{Arrival, Origin};
use crate::message::Message;
use crate::message::headers::{HeaderValue, Headers};
use crate::message::properties::{BorrowedProperties, CompactProperties};
use crate::message::reason::Reason;
use crate::message::timestamp::Timestamp;

/// Where a delivery is sent on to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Destination<'a> {
    pub(crate) exchange: &'a str,
    pub(crate) routing_key: &'a str,
}

/// What is told of a delivery that is sent on.
#[derive(Clone, Copy)]
pub(crate) struct Details<'a> {
    pub(crate) service: &'a str,
    pub(crate) handler: &'a str,
    pub(crate) queue: &'a str,
    pub(crate) first_received_at: Timestamp,
    /// What the attempt failed with, its causes each on a line of its own.
    pub(crate) error: Option<&'a str>,
    pub(crate) redact: Option<Redact<'a>>,
    pub(crate) fate: RepublishKind,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RepublishKind {
    Retry {
        /// The number of the attempt that is to come.
        attempt: u32,
    },
    /// It goes behind all others of its queue, to be tried alone: it may end its process.
    SetAside {
        /// The number of the attempt that is to come.
        attempt: u32,
        /// How often it came back unsettled.
        returns: u32,
    },
    DeadLetter {
        reason: Reason,
        /// How many attempts there were.
        attempts: u32,
        at: Timestamp,
    },
}

/// The message that sends `message` on.
///
/// The body stays byte for byte, and every header of others with it. What the broker would act on again is carried
/// as `tidings-original-*` and not set: a copied `user_id` closes the channel, a copied `expiration` deletes the copy, a
/// copied `CC` delivers to strangers.
pub(crate) fn republish(
    message: &Message,
    origin: &Origin,
    to: Destination<'_>,
    details: &Details<'_>,
    limits: &Limits,
) -> Message {
    let mut headers = foreign(&message.headers);
    match origin.arrival {
        Arrival::Published => originals(message, origin, &mut headers),
        Arrival::Returned | Arrival::Redriven => carried(message, origin, &mut headers),
    }
    describe(details, &mut headers);
    fit(&mut headers, limits.max_header_bytes);
    Message {
        exchange: to.exchange.into(),
        routing_key: to.routing_key.into(),
        properties: kept(&message.properties),
        headers,
        body: message.body.clone(),
    }
}

/// The properties that a copy may have.
fn kept(properties: &CompactProperties) -> CompactProperties {
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

/// The headers that are neither ours nor the broker's.
fn foreign(headers: &Headers) -> Headers {
    let mut kept = headers.clone();
    kept.retain(|name, _| !names::is_ours(name) && !names::is_brokers(name));
    kept
}

/// Notes what the message was like when it was published.
fn originals(message: &Message, origin: &Origin, headers: &mut Headers) {
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

/// Carries on what was noted before; it is not noted anew, since the message now is a copy.
fn carried(message: &Message, origin: &Origin, headers: &mut Headers) {
    for (name, value) in message.headers.iter() {
        if name.starts_with(names::ORIGINAL) || name == names::DROPPED_HEADERS {
            headers.set(name, value.clone());
        }
    }
    headers.set(names::ORIGINAL_EXCHANGE, &*origin.exchange);
    headers.set(names::ORIGINAL_ROUTING_KEY, &*origin.routing_key);
}

fn describe(details: &Details<'_>, headers: &mut Headers) {
    headers.set(names::SERVICE, details.service);
    headers.set(names::HANDLER, details.handler);
    headers.set(names::QUEUE, details.queue);
    headers.set(names::FIRST_RECEIVED_AT, details.first_received_at.to_string());
    match details.fate {
        RepublishKind::Retry { attempt } => headers.set(names::ATTEMPT, attempt),
        RepublishKind::SetAside { attempt, returns } => {
            headers.set(names::ATTEMPT, attempt);
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

/// Makes the headers fit into `limit` bytes: the error's text goes first, then what others set, the largest first.
fn fit(headers: &mut Headers, limit: usize) {
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

/// The most bytes of the note that names what was dropped.
const NOTE_BYTES: usize = 1024;

fn drop_largest(headers: &mut Headers, limit: usize) {
    let mut note = match headers.remove(names::DROPPED_HEADERS) {
        Some(HeaderValue::Text(note)) => note,
        _ => String::new(),
    };
    let room = limit.saturating_sub(NOTE_BYTES + names::DROPPED_HEADERS.len() + 6);
    while headers.wire_size() > room {
        let Some(name) = largest(headers) else { break };
        headers.remove(&name);
        if !note.is_empty() {
            note.push_str(", ");
        }
        note.push_str(&name);
    }
    cut(&mut note, NOTE_BYTES);
    headers.set(names::DROPPED_HEADERS, note);
}

/// The largest header that may go: any of others', and what it cost to note theirs. Without the rest of ours a delivery
/// would not know its attempt, or the key it is judged by.
fn largest(headers: &Headers) -> Option<String> {
    let may_go = |name: &str| !names::is_ours(name) || names::is_lengthy(name);
    headers
        .iter()
        .filter(|(name, _)| may_go(name))
        .max_by_key(|(name, value)| name.len() + value.wire_size())
        .map(|(name, _)| name.to_owned())
}
