//! The door of the fuzz targets (`fuzz/`): messages of any kind, read and sent on. It is there for them alone.

use crate::message::headers::Headers;
use crate::message::properties::Properties;
use crate::message::{Content, Message};
use crate::wire::invariants;

/// The names by which a message comes back through the service's own exchange, or straight into the queue.
pub const ADDRESSES: [(&str, &str); 4] = [
    ("domain_events", "order.created"),
    (invariants::RETURN, invariants::QUEUE),
    ("", invariants::QUEUE),
    ("", ""),
];

/// A message as a broker hands it out.
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

    /// Reads it.
    ///
    /// # Panics
    /// When what must hold of every message does not.
    pub fn read(self) {
        invariants::check_read(&self.message());
    }

    /// Reads it, and sends it on after an attempt that failed with `error`.
    ///
    /// # Panics
    /// When what must hold of every message does not.
    pub fn send_on(self, error: &str, attempt: u32, max_header_bytes: usize) {
        let message = self.message();
        invariants::check_read(&message);
        invariants::check_republish(&message, error, attempt, max_header_bytes);
    }
}
