//! A message converted for lapin, for the benchmarks.

use std::cell::RefCell;

use lapin::BasicProperties;
use lapin::types::ShortString;

use super::last_address::LastAddress;
use super::properties::{from_amqp, short, to_amqp};
use crate::message::Message;

/// The default frame size of RabbitMQ.
const FRAME_MAX: u32 = 131_072;

/// The parts of a message that are converted for lapin. The body needs no conversion.
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
            exchange: short("exchange", &message.exchange).expect("at most 255 bytes"),
            routing_key: short("routing key", &message.routing_key).expect("at most 255 bytes"),
            properties: to_amqp(message, None, FRAME_MAX).expect("the headers fit into a frame"),
            last_address: RefCell::default(),
        }
    }

    /// Converts a delivery of this message. Consecutive deliveries share their address.
    pub(crate) fn message(&self, body: Vec<u8>) -> Message {
        let mut last = self.last_address.borrow_mut();
        let exchange = last.exchange(self.exchange.as_str());
        let routing_key = last.routing_key(self.routing_key.as_str());
        from_amqp(exchange, routing_key, &self.properties, body)
    }
}
