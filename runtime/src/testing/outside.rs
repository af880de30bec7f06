//! An in-memory broker as someone outside of every service sees it: for the runtime's own suites.

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

/// An in-memory broker on the system's clock, which several buses can share as services share a server.
#[derive(Debug, Clone)]
pub struct MemoryServer(Arc<MemoryBroker>);

/// One message in a queue.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QueuedMessage {
    /// The exchange it came through.
    pub exchange: String,
    /// The key it came under.
    pub routing_key: String,
    /// Its properties.
    pub properties: Properties,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
}

impl MemoryServer {
    /// An empty one.
    pub fn new() -> Self {
        Self(Arc::new(MemoryBroker::new(Clock::real())))
    }

    /// An empty one on which a queue is not to be trusted for so long after it was declared, as on RabbitMQ.
    pub fn with_fresh_queues_for(time: Duration) -> Self {
        let broker = MemoryBroker::builder(Clock::real()).fresh_for(time);
        Self(Arc::new(broker.build()))
    }

    /// A bus on it, as a service of its own would have.
    pub fn bus(&self, settings: BusBuilder) -> Bus {
        Bus::on_memory_broker(settings.config, Arc::clone(&self.0))
    }

    /// Publishes without a bus. `false`: the broker refused it.
    pub async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        properties: Properties,
        headers: Headers,
        body: &[u8],
    ) -> bool {
        let (confirm, answer) = confirm(None);
        self.0.send(Publish {
            message: Arc::new(Message {
                exchange: exchange.into(),
                routing_key: routing_key.into(),
                properties: properties.into(),
                headers,
                body: body.to_owned().into(),
            }),
            mandatory: false,
            while_handling: false,
            confirm,
        });
        matches!(answer.await, Some(Ok(())))
    }

    /// What a queue holds, handed out or not, in order.
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

    /// Deletes a queue. `false`: there was none of this name.
    pub fn delete_queue(&self, queue: &str) -> bool {
        self.0.delete_queue(queue)
    }

    /// Takes the broker away: every subscription ends, and publishes wait.
    pub fn go_down(&self) {
        self.0.go_down();
    }

    /// Brings it back with all that it held.
    pub fn come_back(&self) {
        self.0.come_back();
    }

    /// Refuses the next `count` publishes to an exchange, as a queue does that is full.
    pub fn refuse_next(&self, exchange: &str, count: usize) {
        self.0.refuse_next(exchange, count, Refusal::Nacked);
    }

    /// Refuses the next binding of a queue, as RabbitMQ does when the queue is deleted between its declaration and that.
    pub fn refuse_next_binding(&self, queue: &str) {
        self.0.refuse_next_binding(queue);
    }
}

impl Default for MemoryServer {
    fn default() -> Self {
        Self::new()
    }
}
