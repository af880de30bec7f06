//! A dead letter as a test sees it.

use std::fmt;
use std::sync::Arc;

use crate::event::AnyEvent;
use crate::message::Message;
use crate::message::headers::Headers;
use crate::message::reason::Reason;
use crate::message::timestamp::Timestamp;
use crate::wire::limits::Limits;
use crate::wire::{names, origin, read};

/// A delivery that was given up on, with what was kept of it.
#[derive(Clone)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The handler that gave up; empty when the broker did.
    pub handler: String,
    /// The queue it came from.
    pub queue: String,
    /// Why; absent when the broker gave up on it.
    pub reason: Option<Reason>,
    /// What went wrong, its causes each on a line of its own.
    pub error: String,
    /// How many attempts there were.
    pub attempts: u32,
    /// The routing key that it was published under at first.
    pub routing_key: String,
    /// Its headers.
    pub headers: Headers,
    /// Its body as it came.
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
        // Its own key and exchange are the dead letters'; those it was published under stand in its headers.
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

    /// The event; `None` when it is not one.
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
