//! A message as the client library takes and gives it, for the benchmarks.

use lapin::BasicProperties;
use lapin::types::ShortString;

use super::properties::{from_amqp, short, to_amqp};
use crate::message::Message;

/// The broker's own.
const FRAME_MAX: u32 = 131_072;

/// What of a message is made for the library; its body goes as it is.
#[derive(Debug)]
pub struct Packed {
    exchange: ShortString,
    routing_key: ShortString,
    properties: BasicProperties,
}

impl Packed {
    pub(crate) fn new(message: &Message) -> Self {
        Self {
            exchange: short("exchange", &message.exchange).expect("it is short"),
            routing_key: short("routing key", &message.routing_key).expect("it is short"),
            properties: to_amqp(message, None, FRAME_MAX).expect("it fits into a frame"),
        }
    }

    /// The message of a delivery. What the library hands over by value is copied first.
    pub(crate) fn message(&self, body: Vec<u8>) -> Message {
        from_amqp(
            self.exchange.as_str(),
            self.routing_key.as_str(),
            &self.properties,
            body,
        )
    }
}
