//! Tests of the wire format.

mod cloud_events;
mod decoding;
mod other_clients;
mod random_input;
mod reading;
mod republishing;
mod writing;

use std::sync::Arc;

use super::limits::Limits;
use super::malformed::Malformed;
use super::origin::{Origin, origin};
use super::write::OutgoingMetadata;
use crate::event::AnyEvent;
use crate::event::payload::Prepared;
use crate::message::timestamp::Timestamp;
use crate::message::{Content, Message};

const EXCHANGE: &str = "domain_events";
const KEY: &str = "order.created";
const RETURN: &str = "payments.return";
const QUEUE: &str = "payments.take_payment";

/// A received message whose publisher set only exchange, routing key and body.
fn message(body: impl AsRef<[u8]>) -> Message {
    Message {
        exchange: EXCHANGE.into(),
        routing_key: KEY.into(),
        body: Content::received(body.as_ref().to_vec()),
        ..Message::default()
    }
}

/// The time at which all messages of these tests are received.
fn received_at() -> Timestamp {
    Timestamp::from_millis(1_763_900_000_456)
}

fn origin_of(message: &Message) -> Origin {
    origin(message, RETURN, QUEUE, received_at())
}

fn try_read(message: &Message) -> Result<AnyEvent, Malformed> {
    let try_read = |body| {
        let with_body = Message {
            body,
            ..message.clone()
        };
        super::read::read(&Arc::new(with_body), &origin_of(message), &Limits::default())
    };
    let received = try_read(Content::received(message.body.to_vec()));
    let unchecked = try_read(message.body.to_vec().into());
    assert_eq!(
        format!("{received:?}"),
        format!("{unchecked:?}"),
        "the result depends on whether the body is known to be text"
    );
    received
}

fn read(message: &Message) -> AnyEvent {
    try_read(message).unwrap_or_else(|malformed| panic!("cannot read {message:?}: {malformed}"))
}

/// The error and its causes for a message that is no event.
fn error_of(message: &Message) -> String {
    match try_read(message) {
        Ok(event) => panic!("read as {event:?}"),
        Err(malformed) => super::error_text::chain(&malformed),
    }
}

fn prepared(data: &str) -> Prepared {
    Prepared {
        event_type: "order.created".into(),
        version: 1,
        routing_key: KEY.into(),
        aggregate_id: "o-1".to_owned(),
        data: data.into(),
    }
}

fn root() -> OutgoingMetadata<'static> {
    OutgoingMetadata {
        id: "0193-a",
        timestamp: Timestamp::from_millis(1_763_892_000_123),
        correlation_id: "0193-a",
        causation_id: None,
        source: Some("orders"),
    }
}
