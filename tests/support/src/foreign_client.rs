//! An AMQP client that does not use Tidings.

use std::time::Duration;

use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind, Queue};

use crate::wait::within;

/// Declares queues, publishes, and reads the messages of queues, without Tidings.
#[derive(Debug)]
pub struct ForeignClient {
    connection: Connection,
    channel: Channel,
}

/// The deadline of one connection attempt.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The exchange of all events.
const EXCHANGE: &str = "domain_events";

impl ForeignClient {
    /// Connects.
    ///
    /// # Panics
    /// When the broker refuses the connection.
    pub async fn connect(url: &str) -> Self {
        within("the connection of a foreign client", Self::try_connect(url))
            .await
            .expect("the broker accepts a foreign client")
    }

    /// Connects, unless the broker is down.
    ///
    /// # Errors
    /// When the broker is down or refuses the connection.
    pub async fn try_connect(url: &str) -> lapin::Result<Self> {
        // lapin waits without a limit for the handshake of a broker that starts or stops.
        tokio::time::timeout(HANDSHAKE, Self::open(url))
            .await
            .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
    }

    async fn open(url: &str) -> lapin::Result<Self> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { connection, channel })
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The channel of this client, with publisher confirms.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Declares a durable queue and binds it to `domain_events`.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn bind(&self, queue: &str, pattern: &str, arguments: FieldTable) -> lapin::Result<()> {
        self.declare(queue, arguments).await?;
        self.channel
            .queue_bind(
                queue.into(),
                EXCHANGE.into(),
                pattern.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
    }

    /// Declares a durable queue.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn declare(&self, queue: &str, arguments: FieldTable) -> lapin::Result<Queue> {
        let durable = QueueDeclareOptions::durable();
        self.channel.queue_declare(queue.into(), durable, arguments).await
    }

    /// Removes a binding to `domain_events`.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn unbind(&self, queue: &str, pattern: &str) -> lapin::Result<()> {
        self.channel
            .queue_unbind(
                queue.into(),
                EXCHANGE.into(),
                pattern.into(),
                FieldTable::default(),
            )
            .await
    }

    /// Deletes a queue and its messages.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn delete_queue(&self, queue: &str) -> lapin::Result<u32> {
        self.channel
            .queue_delete(queue.into(), QueueDeleteOptions::default())
            .await
    }

    /// Whether an exchange exists.
    pub async fn has_exchange(&self, exchange: &str) -> bool {
        // A passive declare of a missing exchange closes the channel, so use a channel of its own.
        let Ok(channel) = self.connection.create_channel().await else {
            return false;
        };
        let passive = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        // The broker ignores the kind in a passive declare.
        let declared = channel.exchange_declare(
            exchange.into(),
            ExchangeKind::Direct,
            passive,
            FieldTable::default(),
        );
        let exists = declared.await.is_ok();
        if exists {
            let _ = channel.close(200, "OK".into()).await;
        }
        exists
    }

    /// Deletes an exchange and all bindings to it.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn delete_exchange(&self, exchange: &str) -> lapin::Result<()> {
        self.channel
            .exchange_delete(exchange.into(), ExchangeDeleteOptions::default())
            .await
    }

    /// Publishes a message and waits for the confirm. Returns whether it was an ack.
    ///
    /// # Errors
    /// When the connection or the channel is lost.
    pub async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        properties: BasicProperties,
        body: &[u8],
    ) -> lapin::Result<bool> {
        let options = BasicPublishOptions::default();
        let confirm = self
            .channel
            .basic_publish(exchange.into(), routing_key.into(), options, body, properties)
            .await?
            .await?;
        Ok(confirm.is_ack())
    }

    /// Returns the number of ready messages in a queue, or `None` when the queue does not exist.
    pub async fn depth(&self, queue: &str) -> Option<u32> {
        Some(self.inspect(queue).await?.message_count())
    }

    /// Returns the number of consumers of a queue, or `None` when the queue does not exist.
    pub async fn consumers(&self, queue: &str) -> Option<u32> {
        Some(self.inspect(queue).await?.consumer_count())
    }

    async fn inspect(&self, queue: &str) -> Option<Queue> {
        // A passive declare of a missing queue closes the channel, so use a channel of its own.
        let channel = self.connection.create_channel().await.ok()?;
        let passive = QueueDeclareOptions::durable().passive();
        let declared = channel
            .queue_declare(queue.into(), passive, FieldTable::default())
            .await
            .ok()?;
        let _ = channel.close(200, "OK".into()).await;
        Some(declared)
    }

    /// Takes all ready messages out of a queue. A missing queue has none.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn take(&self, queue: &str) -> lapin::Result<Vec<BasicGetMessage>> {
        let mut taken = Vec::new();
        if self.depth(queue).await.is_none() {
            return Ok(taken);
        }
        while let Some(message) = self
            .channel
            .basic_get(queue.into(), BasicGetOptions::default())
            .await?
        {
            message.delivery.acker.ack(BasicAckOptions::default()).await?;
            taken.push(message);
        }
        Ok(taken)
    }
}

/// Returns the arguments of a quorum queue, with `more` arguments.
pub fn quorum_queue(more: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = arguments(more);
    table.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    table
}

/// Returns a table of queue arguments or headers.
pub fn arguments(entries: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert((*name).into(), value.clone());
    }
    table
}
