//! A message as the client library takes and gives it, for the benchmarks.

use std::cell::RefCell;

use lapin::BasicProperties;
use lapin::types::ShortString;

use super::last_address::LastAddress;
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
    last_address: RefCell<LastAddress>,
}

impl Packed {
    pub(crate) fn new(message: &Message) -> Self {
        Self {
            exchange: short("exchange", &message.exchange).expect("it is short"),
            routing_key: short("routing key", &message.routing_key).expect("it is short"),
            properties: to_amqp(message, None, FRAME_MAX).expect("it fits into a frame"),
            last_address: RefCell::default(),
        }
    }

    /// The message of a delivery, of several with the same address. What the library hands over by value is copied first.
    pub(crate) fn message(&self, body: Vec<u8>) -> Message {
        let mut last = self.last_address.borrow_mut();
        let exchange = last.exchange(self.exchange.as_str());
        let routing_key = last.routing_key(self.routing_key.as_str());
        from_amqp(exchange, routing_key, &self.properties, body)
    }
}
