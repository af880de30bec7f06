//! The dead letters that [`TestBus`](super::TestBus) returns.

use std::fmt;
use std::sync::Arc;

use crate::event::AnyEvent;
use crate::message::Message;
use crate::message::headers::Headers;
use crate::message::reason::Reason;
use crate::message::timestamp::Timestamp;
use crate::wire::limits::Limits;
use crate::wire::{names, origin, read};

/// A message in a dead-letter queue.
#[derive(Clone)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The name of the handler that failed. Empty when the broker dead-lettered the message.
    pub handler: String,
    /// The queue that the message was consumed from. Empty when the broker dead-lettered the message.
    pub queue: String,
    /// Why the message was dead-lettered. `None` when the broker dead-lettered it.
    pub reason: Option<Reason>,
    /// The error of the last attempt, with one line for each cause.
    pub error: String,
    /// The number of attempts.
    pub attempts: u32,
    /// The routing key of the original publish.
    pub routing_key: String,
    /// The headers of the message.
    pub headers: Headers,
    /// The body of the message, unchanged.
    pub body: Vec<u8>,
    event: Option<AnyEvent>,
}

impl DeadLetter {
    pub(super) fn of(message: &Arc<Message>, limits: &Limits) -> Self {
        let headers = message.headers.clone();
        let text = |name| headers.text(name).unwrap_or_default().to_owned();
        let attempts = headers
            .get(names::ATTEMPTS)
            .and_then(crate::HeaderValue::as_i64)
            .unwrap_or(0);
        // The message's own exchange and key are those of the dead-letter queue. The headers have the original ones.
        let origin = origin::origin(message, &message.exchange, "", Timestamp::now());
        Self {
            handler: text(names::HANDLER),
            queue: text(names::QUEUE),
            reason: headers
                .text(names::DEAD_LETTER_REASON)
                .and_then(|reason| reason.parse().ok()),
            error: text(names::ERROR),
            attempts: u32::try_from(attempts).unwrap_or(0),
            routing_key: origin.routing_key.to_string(),
            event: read::read(message, &origin, limits).ok(),
            body: message.body.to_vec(),
            headers,
        }
    }

    /// Returns the event in this message. `None` when the message is not an event.
    pub fn event(&self) -> Option<&AnyEvent> {
        self.event.as_ref()
    }
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("handler", &self.handler)
            .field("reason", &self.reason)
            .field("error", &self.error)
            .field("attempts", &self.attempts)
            .field("routing_key", &self.routing_key)
            .field("body", &String::from_utf8_lossy(&self.body))
            .finish_non_exhaustive()
    }
}
