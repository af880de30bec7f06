//! Writing an event to a message and reading it again, without a broker.

use std::sync::Arc;

use crate::event::AnyEvent;
use crate::event::payload::{self, Payload};
use crate::message::Message;
use crate::message::headers::Headers;
use crate::message::properties::Properties;
use crate::message::timestamp::Timestamp;
use crate::wire::limits::Limits;
use crate::wire::write::{self, OutgoingMetadata};
use crate::wire::{origin, read};

const RETURNS: &str = "bench.return";
const QUEUE: &str = "bench.take";
/// The same event id in every run.
const ID: &str = "01935a1c-2b3c-7d4e-8f50-617283940a1b";
const MILLIS: i64 = 1_763_892_000_123;

/// A message.
#[derive(Debug, Clone)]
pub struct Wire {
    pub(super) message: Arc<Message>,
    limits: Limits,
}

impl Wire {
    /// The message of a published event, with an id and a time that are always the same.
    pub fn written<T: Payload>(event: &T) -> Self {
        let metadata = OutgoingMetadata {
            id: ID,
            timestamp: Timestamp::from_millis(MILLIS),
            correlation_id: ID,
            causation_id: None,
            source: Some("bench"),
        };
        let limits = Limits::default();
        let message = payload::prepare(event).and_then(|prepared| {
            write::message(
                &prepared,
                &metadata,
                "domain_events",
                Headers::new(),
                None,
                &limits,
            )
        });
        Self::of(message.expect("the event can be written"))
    }

    /// A message of a foreign client.
    pub fn foreign(routing_key: &str, properties: Properties, headers: Headers, body: Vec<u8>) -> Self {
        Self::of(Message {
            exchange: "domain_events".into(),
            routing_key: routing_key.into(),
            properties: properties.into(),
            headers,
            body: body.into(),
        })
    }

    /// The message as a broker delivers it: its body is known to be text.
    #[must_use]
    pub fn received(mut self) -> Self {
        Arc::make_mut(&mut self.message).body.detect_text();
        self
    }

    /// The message with another routing key.
    pub fn with_key(&self, routing_key: &str) -> Self {
        Self::of(Message {
            routing_key: routing_key.into(),
            ..(*self.message).clone()
        })
    }

    fn of(message: Message) -> Self {
        Self {
            message: Arc::new(message),
            limits: Limits::default(),
        }
    }

    /// The body of the message.
    pub fn body(&self) -> &[u8] {
        &self.message.body
    }

    /// The message in the form of the client library.
    #[cfg(feature = "rabbitmq")]
    pub fn packed(&self) -> super::Packed {
        super::Packed::new(&self.message)
    }

    /// A message from the form of the client library, with the body of this message.
    #[cfg(feature = "rabbitmq")]
    pub fn unpacked(&self, packed: &super::Packed) -> Self {
        Self::of(packed.message(self.message.body.to_vec()))
    }

    /// Reads the event. Its data stays JSON.
    pub fn read(&self) -> AnyEvent {
        let origin = origin::origin(&self.message, RETURNS, QUEUE, Timestamp::now());
        read::read(&self.message, &origin, &self.limits).expect("the message is an event")
    }
}
