//! A service in another language, driven by commands.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tidings_test_support::program::Program;
use tokio::process::Command;

use crate::language::Language;

#[derive(Debug)]
pub(crate) struct ForeignService(Program<ReceivedMessage>);

/// A message as a foreign client received it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ReceivedMessage {
    pub(crate) queue: String,
    pub(crate) exchange: String,
    pub(crate) key: String,
    /// The bytes of the body, in hexadecimal.
    pub(crate) body: String,
    /// The body as the language parses it, or null when it is not JSON.
    pub(crate) event: Value,
    /// The time of the event, parsed and written again by the language.
    pub(crate) instant: Option<String>,
    /// The properties that are set, under their AMQP names.
    pub(crate) properties: Value,
    pub(crate) headers: Option<Map<String, Value>>,
}

impl ReceivedMessage {
    /// Returns the headers that Tidings sets, or all others.
    pub(crate) fn headers(&self, of_tidings: bool) -> Map<String, Value> {
        let headers = self.headers.clone().unwrap_or_default();
        headers
            .into_iter()
            .filter(|(name, _)| name.starts_with("tidings-") == of_tidings)
            .collect()
    }
}

impl ForeignService {
    /// Starts a service and waits until it is connected.
    pub(crate) async fn start(language: Language, command: Command) -> Self {
        Self(Program::start(language.name(), command).await)
    }

    /// Declares a queue, binds it and consumes it.
    pub(crate) async fn subscribe(&mut self, queue: &str, pattern: &str) {
        self.execute(json!({ "do": "subscribe", "queue": queue, "pattern": pattern }))
            .await;
    }

    /// Consumes an existing queue.
    pub(crate) async fn consume(&mut self, queue: &str) {
        self.execute(json!({ "do": "consume", "queue": queue })).await;
    }

    /// Publishes an event under its type, as services of this language usually do.
    pub(crate) async fn publish(&mut self, event: &Value) {
        self.execute(json!({ "do": "publish", "event": event })).await;
    }

    /// Publishes a message exactly as given.
    pub(crate) async fn send(&mut self, message: &OutgoingMessage<'_>) {
        self.execute(json!({
            "do": "send",
            "key": message.key,
            "body": hex(message.body.as_bytes()),
            "options": message.options,
            "oddHeaders": message.headers_of_every_type,
        }))
        .await;
    }

    /// Sends a command and waits until it is executed.
    pub(crate) async fn execute(&mut self, command: Value) {
        self.0.execute(command).await;
    }

    /// Waits for the next message of a queue.
    pub(crate) async fn receive(&mut self, queue: &str) -> ReceivedMessage {
        let what = format!("a message in `{queue}`");
        self.0.receive(&what, |message| message.queue == queue).await
    }

    /// Ends the service. It must not have received other messages.
    pub(crate) async fn end(self) {
        self.0.end().await;
    }
}

/// A message to send as it is.
#[derive(Debug)]
pub(crate) struct OutgoingMessage<'a> {
    pub(crate) key: &'a str,
    pub(crate) body: &'a str,
    /// Properties and headers, under the names that amqplib uses.
    pub(crate) options: Value,
    /// Adds a header of every type that the client can write.
    pub(crate) headers_of_every_type: bool,
}

impl<'a> OutgoingMessage<'a> {
    /// A message without properties and headers.
    pub(crate) fn new(key: &'a str, body: &'a str) -> Self {
        Self {
            key,
            body,
            options: json!({}),
            headers_of_every_type: false,
        }
    }
}

/// Returns bytes in hexadecimal, as the services write them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
