//! Access to an in-memory broker from outside of every service, for the project's own test suites.

use std::sync::Arc;
use std::time::Duration;

use crate::broker::memory::MemoryBroker;
use crate::broker::{Broker, Publish};
use crate::bus::Bus;
use crate::bus::config::BusBuilder;
use crate::bus::confirm::confirm;
use crate::bus::refusal::Refusal;
use crate::clock::Clock;
use crate::message::Message;
use crate::message::headers::Headers;
use crate::message::properties::Properties;

/// An in-memory broker on the system clock. Several buses can share it, as services share a RabbitMQ server.
#[derive(Debug, Clone)]
pub struct MemoryServer(Arc<MemoryBroker>);

/// A message in a queue.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QueuedMessage {
    /// The exchange of the publish.
    pub exchange: String,
    /// The routing key of the publish.
    pub routing_key: String,
    /// The properties of the message.
    pub properties: Properties,
    /// The headers of the message.
    pub headers: Headers,
    /// The body of the message.
    pub body: Vec<u8>,
}

impl MemoryServer {
    /// Creates an empty broker.
    pub fn new() -> Self {
        Self(Arc::new(MemoryBroker::new(Clock::real())))
    }

    /// Creates an empty broker. For `time` after the declaration of a queue, the runtime treats this queue as it treats
    /// a new queue on RabbitMQ.
    pub fn with_fresh_queues_for(time: Duration) -> Self {
        let broker = MemoryBroker::builder(Clock::real()).fresh_for(time);
        Self(Arc::new(broker.build()))
    }

    /// Creates a bus on this broker, as a separate service has.
    pub fn bus(&self, settings: BusBuilder) -> Bus {
        Bus::on_memory_broker(settings.config, Arc::clone(&self.0))
    }

    /// Publishes a message without a bus. Returns `false` when the broker refuses the message.
    pub async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        properties: Properties,
        headers: Headers,
        body: &[u8],
    ) -> bool {
        let message = Message {
            exchange: exchange.into(),
            routing_key: routing_key.into(),
            properties: properties.into(),
            headers,
            body: body.to_owned().into(),
        };
        matches!(send(&self.0, message).await, Some(Ok(())))
    }

    /// Returns the ready and unsettled messages of a queue, in order.
    pub fn messages(&self, queue: &str) -> Vec<QueuedMessage> {
        let messages = self.0.queue_messages(queue).into_iter();
        messages
            .map(|message| {
                let message = Arc::unwrap_or_clone(message);
                QueuedMessage {
                    exchange: message.exchange.to_string(),
                    routing_key: message.routing_key.to_string(),
                    properties: (&message.properties).into(),
                    headers: message.headers,
                    body: message.body.into(),
                }
            })
            .collect()
    }

    /// Deletes a queue. Returns `false` when the queue does not exist.
    pub fn delete_queue(&self, queue: &str) -> bool {
        self.0.delete_queue(queue)
    }

    /// Simulates a lost connection: every subscription ends, and publishes wait.
    pub fn go_down(&self) {
        self.0.go_down();
    }

    /// Ends the outage that [`go_down`](Self::go_down) started. The queues still have their messages.
    pub fn come_back(&self) {
        self.0.come_back();
    }

    /// Refuses the next `count` publishes to an exchange, as RabbitMQ does when a queue is full.
    pub fn refuse_next(&self, exchange: &str, count: usize) {
        self.0.refuse_next(exchange, count, Refusal::Nacked);
    }

    /// Refuses the next binding of a queue, as RabbitMQ does when the queue was deleted after its declaration.
    pub fn refuse_next_binding(&self, queue: &str) {
        self.0.refuse_next_binding(queue);
    }
}

/// Publishes a message without a bus. Returns `None` when the broker ended without a result.
pub(super) async fn send(broker: &MemoryBroker, message: Message) -> Option<Result<(), Refusal>> {
    let (confirm, result) = confirm(None);
    broker.send(Publish {
        message: Arc::new(message),
        mandatory: false,
        while_handling: false,
        confirm,
    });
    result.await
}

impl Default for MemoryServer {
    fn default() -> Self {
        Self::new()
    }
}
