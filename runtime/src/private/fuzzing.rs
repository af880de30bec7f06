//! Entry points for the fuzz targets in `fuzz/`: they read and republish arbitrary messages.

use crate::message::headers::Headers;
use crate::message::properties::Properties;
use crate::message::{Content, Message};
use crate::wire::invariants;

/// Exchange and routing key of a new event, of a message from the return exchange, of a message that was sent directly
/// to the queue, and of a message without an address.
pub const ADDRESSES: [(&str, &str); 4] = [
    ("domain_events", "order.created"),
    (invariants::RETURN, invariants::QUEUE),
    ("", invariants::QUEUE),
    ("", ""),
];

/// A message as a broker delivers it.
#[derive(Debug)]
pub struct Raw {
    /// The exchange and the routing key.
    pub address: (String, String),
    /// The properties.
    pub properties: Properties,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

impl Raw {
    fn message(self) -> Message {
        let (exchange, routing_key) = self.address;
        Message {
            exchange: exchange.into(),
            routing_key: routing_key.into(),
            properties: self.properties.into(),
            headers: self.headers,
            body: Content::received(self.body),
        }
    }

    /// Reads the message. Panics when an invariant is broken.
    pub fn read(self) {
        invariants::check_read(&self.message());
    }

    /// Reads the message, and republishes it after an attempt that failed with `error`. Panics when an invariant is
    /// broken.
    pub fn send_on(self, error: &str, attempt: u32, max_header_bytes: usize) {
        let message = self.message();
        invariants::check_read(&message);
        invariants::check_republish(&message, error, attempt, max_header_bytes);
    }
}
