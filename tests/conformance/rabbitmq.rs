//! RabbitMQ for the suite: a virtual host a test, on one node for all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Confirmation, Connection, ConnectionProperties};
use tidings::{Bus, BusBuilder, Headers, Properties};
use tidings_broker::Vhost;
use tokio::sync::Mutex;

use crate::amqp::{from_amqp, to_amqp};
use crate::fixture::{Fixture, Queued};

/// A virtual host of a RabbitMQ of our own.
pub(crate) struct RabbitMq {
    vhost: Vhost<'static>,
    stranger: Mutex<Option<Stranger>>,
}

/// A client that knows nothing of us.
struct Stranger {
    connection: Connection,
    publishing: Channel,
    /// What was taken out of each queue, to be looked at, and never acknowledged: it is still the queue's.
    seen: HashMap<String, (Channel, Vec<Queued>)>,
}

impl Stranger {
    async fn connect(url: &str) -> lapin::Result<Self> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let publishing = connection.create_channel().await?;
        publishing.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self {
            connection,
            publishing,
            seen: HashMap::new(),
        })
    }

    /// Whether there is such a queue. The broker closes the channel on which one asks in vain.
    async fn has(&self, queue: &str) -> lapin::Result<bool> {
        let channel = self.connection.create_channel().await?;
        let passive = QueueDeclareOptions::durable().passive();
        let declared = channel
            .queue_declare(queue.into(), passive, FieldTable::default())
            .await;
        if declared.is_ok() {
            channel.close(200, "OK".into()).await?;
        }
        Ok(declared.is_ok())
    }

    async fn messages(&mut self, queue: &str) -> lapin::Result<Vec<Queued>> {
        if !self.seen.contains_key(queue) && !self.has(queue).await? {
            return Ok(Vec::new());
        }
        let (channel, seen) = match self.seen.entry(queue.to_owned()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert((self.connection.create_channel().await?, Vec::new())),
        };
        while let Some(message) = channel
            .basic_get(queue.into(), BasicGetOptions::default())
            .await?
        {
            let message = message.delivery;
            let (properties, headers) = from_amqp(&message.properties);
            seen.push(Queued {
                properties,
                headers,
                body: message.data,
            });
        }
        Ok(seen.clone())
    }
}

impl RabbitMq {
    /// Does something as a stranger, who connects again when the connection was cut with the others.
    async fn as_stranger<T>(&self, work: impl AsyncFnOnce(&mut Stranger) -> lapin::Result<T>) -> T {
        let mut place = self.stranger.lock().await;
        let stranger = match place.take() {
            Some(stranger) if stranger.connection.status().connected() => stranger,
            _ => Stranger::connect(&self.vhost.url())
                .await
                .expect("the broker lets a stranger in"),
        };
        let stranger = place.insert(stranger);
        work(stranger).await.expect("the broker does as a stranger asks")
    }
}

impl Fixture for RabbitMq {
    async fn ready() -> Self {
        let vhost = blocking(|| tidings_broker::shared().vhost()).await;
        Self {
            vhost: vhost.expect("the node has room for a virtual host"),
            stranger: Mutex::default(),
        }
    }

    async fn bus(&self, settings: BusBuilder) -> Bus {
        settings
            .connect(&self.vhost.url())
            .await
            .expect("the broker lets us in")
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
        let confirmed = self
            .as_stranger(async |stranger| {
                let options = BasicPublishOptions::default();
                let (exchange, routing_key) = (exchange.into(), routing_key.into());
                let sent =
                    stranger
                        .publishing
                        .basic_publish(exchange, routing_key, options, body, properties);
                sent.await?.await
            })
            .await;
        assert!(
            matches!(confirmed, Confirmation::Ack(_)),
            "the broker refused {routing_key} on {exchange}: {confirmed:?}"
        );
    }

    async fn messages(&self, queue: &str) -> Vec<Queued> {
        self.as_stranger(async |stranger| stranger.messages(queue).await)
            .await
    }

    async fn delete_queue(&self, queue: &str) {
        self.as_stranger(async |stranger| {
            let channel = stranger.connection.create_channel().await?;
            channel
                .queue_delete(queue.into(), QueueDeleteOptions::default())
                .await?;
            channel.close(200, "OK".into()).await
        })
        .await;
    }

    async fn cut_connections(&self) {
        let (node, vhost) = (self.vhost.node(), self.vhost.name().to_owned());
        let cut =
            blocking(move || node.ctl(&["close_all_connections", "--vhost", &vhost, "a test cuts them"]));
        cut.await.expect("an operator may close connections");
    }
}

/// Runs what blocks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .expect("it does not panic")
}
