//! The brokers of the suite, with the access that the tests need besides the bus.

use std::future::Future;

use tidings::testing::MemoryServer;
use tidings::{Bus, BusBuilder, Headers, Properties};

#[derive(Debug, Clone)]
pub(crate) struct QueuedMessage {
    pub(crate) properties: Properties,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

/// A broker under test. Only the bus uses the runtime; everything else reaches the broker directly.
pub(crate) trait TestBroker: Send + Sync + Sized + 'static {
    /// Returns the broker for one test. Tests may share a broker, because each test uses its own names.
    fn ready() -> impl Future<Output = Self> + Send;

    /// Returns a bus with its own connections.
    fn bus(&self, settings: BusBuilder) -> impl Future<Output = Bus> + Send;

    /// Publishes like a client without Tidings. An exchange with an empty name is the default exchange.
    fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        properties: Properties,
        headers: Headers,
        body: &[u8],
    ) -> impl Future<Output = ()> + Send;

    /// Returns the messages of a queue in order and leaves them there. The queue must have no consumer.
    fn messages(&self, queue: &str) -> impl Future<Output = Vec<QueuedMessage>> + Send;

    /// Deletes a queue that may have consumers.
    fn delete_queue(&self, queue: &str) -> impl Future<Output = ()> + Send;

    /// Closes the connections of all buses of this broker. The buses may connect again at once.
    fn cut_connections(&self) -> impl Future<Output = ()> + Send;
}

/// The in-memory broker, on the clock of the system.
pub(crate) struct MemoryBroker(MemoryServer);

impl TestBroker for MemoryBroker {
    async fn ready() -> Self {
        Self(MemoryServer::new())
    }

    async fn bus(&self, settings: BusBuilder) -> Bus {
        self.0.bus(settings)
    }

    async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        properties: Properties,
        headers: Headers,
        body: &[u8],
    ) {
        let accepted = self
            .0
            .publish(exchange, routing_key, properties, headers, body)
            .await;
        assert!(accepted, "the broker refused {routing_key} on {exchange}");
    }

    async fn messages(&self, queue: &str) -> Vec<QueuedMessage> {
        let messages = self.0.messages(queue).into_iter();
        messages
            .map(|message| QueuedMessage {
                properties: message.properties,
                headers: message.headers,
                body: message.body,
            })
            .collect()
    }

    async fn delete_queue(&self, queue: &str) {
        assert!(self.0.delete_queue(queue), "no queue {queue}");
    }

    async fn cut_connections(&self) {
        self.0.go_down();
        self.0.come_back();
    }
}
