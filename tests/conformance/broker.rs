//! What the suite needs of a broker beside the bus: hands that reach in from outside.

use std::future::Future;

use tidings::testing::MemoryServer;
use tidings::{Bus, BusBuilder, Headers, Properties};

/// A message in a queue.
#[derive(Debug, Clone)]
pub(crate) struct Queued {
    pub(crate) properties: Properties,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

/// A broker under test, seen from outside. Nothing here goes through the runtime but the bus.
pub(crate) trait Fixture: Send + Sync + Sized + 'static {
    /// The broker, ready to be used by one test. Several tests may share it: each has names of its own.
    fn ready() -> impl Future<Output = Self> + Send;

    /// A bus over a connection of its own.
    fn bus(&self, settings: BusBuilder) -> impl Future<Output = Bus> + Send;

    /// Publishes as a client that knows nothing of us. The empty exchange is the default one.
    fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        properties: Properties,
        headers: Headers,
        body: &[u8],
    ) -> impl Future<Output = ()> + Send;

    /// What a queue holds, in order, and goes on holding. Only queues that no one takes from are looked into.
    fn messages(&self, queue: &str) -> impl Future<Output = Vec<Queued>> + Send;

    /// Deletes a queue under its consumers.
    fn delete_queue(&self, queue: &str) -> impl Future<Output = ()> + Send;

    /// Cuts the connections of the buses that this fixture made. They may connect again at once.
    fn cut_connections(&self) -> impl Future<Output = ()> + Send;
}

/// The in-memory broker on the system's clock.
pub(crate) struct Memory(MemoryServer);

impl Fixture for Memory {
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
        let taken = self
            .0
            .publish(exchange, routing_key, properties, headers, body)
            .await;
        assert!(taken, "the broker refused {routing_key} on {exchange}");
    }

    async fn messages(&self, queue: &str) -> Vec<Queued> {
        let messages = self.0.messages(queue).into_iter();
        messages
            .map(|message| Queued {
                properties: message.properties,
                headers: message.headers,
                body: message.body,
            })
            .collect()
    }

    async fn delete_queue(&self, queue: &str) {
        assert!(self.0.delete_queue(queue), "there is no queue {queue}");
    }

    async fn cut_connections(&self) {
        self.0.go_down();
        self.0.come_back();
    }
}
