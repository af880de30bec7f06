//! RabbitMQ for the suite: each test has its own virtual host on a shared node.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use lapin::Channel;
use lapin::options::BasicGetOptions;
use tidings::{Bus, BusBuilder, Headers, Properties};
use tidings_broker::Vhost;
use tidings_test_support::foreign_client::ForeignClient;
use tidings_test_support::wait::blocking;
use tokio::sync::Mutex;

use crate::amqp::{from_amqp, to_amqp};
use crate::broker::{QueuedMessage, TestBroker};

pub(crate) struct RabbitMqBroker {
    vhost: Vhost<'static>,
    inspector: Mutex<Option<Inspector>>,
}

/// Publishes and reads queues without Tidings.
struct Inspector {
    client: ForeignClient,
    /// The messages that were read from each queue. They are not acked, so they still belong to the queue.
    read: HashMap<String, (Channel, Vec<QueuedMessage>)>,
}

impl Inspector {
    async fn messages(&mut self, queue: &str) -> lapin::Result<Vec<QueuedMessage>> {
        if !self.read.contains_key(queue) && self.client.depth(queue).await.is_none() {
            return Ok(Vec::new());
        }
        let (channel, read) = match self.read.entry(queue.to_owned()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                entry.insert((self.client.connection().create_channel().await?, Vec::new()))
            }
        };
        while let Some(message) = channel
            .basic_get(queue.into(), BasicGetOptions::default())
            .await?
        {
            let message = message.delivery;
            let (properties, headers) = from_amqp(&message.properties);
            read.push(QueuedMessage {
                properties,
                headers,
                body: message.data,
            });
        }
        Ok(read.clone())
    }
}

impl RabbitMqBroker {
    /// Runs `work` on the inspector, which connects again when a test has closed its connection.
    async fn inspect<T>(&self, work: impl AsyncFnOnce(&mut Inspector) -> lapin::Result<T>) -> T {
        let mut slot = self.inspector.lock().await;
        let inspector = match slot.take() {
            Some(inspector) if inspector.client.connection().status().connected() => inspector,
            _ => Inspector {
                client: ForeignClient::connect(&self.vhost.url()).await,
                read: HashMap::new(),
            },
        };
        work(slot.insert(inspector))
            .await
            .expect("the broker executes the command")
    }
}

impl TestBroker for RabbitMqBroker {
    async fn ready() -> Self {
        let vhost = blocking(|| tidings_broker::shared().vhost()).await;
        Self {
            vhost: vhost.expect("the node creates a virtual host"),
            inspector: Mutex::default(),
        }
    }

    async fn bus(&self, settings: BusBuilder) -> Bus {
        settings
            .connect(&self.vhost.url())
            .await
            .expect("the broker accepts the connection")
    }

    async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        properties: Properties,
        headers: Headers,
        body: &[u8],
    ) {
        let properties = to_amqp(&properties, &headers);
        let acked = self
            .inspect(async |inspector| {
                inspector
                    .client
                    .publish(exchange, routing_key, properties, body)
                    .await
            })
            .await;
        assert!(acked, "the broker refused {routing_key} on {exchange}");
    }

    async fn messages(&self, queue: &str) -> Vec<QueuedMessage> {
        self.inspect(async |inspector| inspector.messages(queue).await)
            .await
    }

    async fn delete_queue(&self, queue: &str) {
        self.inspect(async |inspector| inspector.client.delete_queue(queue).await)
            .await;
    }

    async fn cut_connections(&self) {
        let (node, vhost) = (self.vhost.node(), self.vhost.name().to_owned());
        let closed =
            blocking(move || node.ctl(&["close_all_connections", "--vhost", &vhost, "closed by a test"]));
        closed.await.expect("rabbitmqctl closes the connections");
    }
}
