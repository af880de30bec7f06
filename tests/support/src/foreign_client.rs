//! A bare AMQP client, which knows nothing of Tidings: it looks into queues, and declares those of strangers.

use std::time::Duration;

use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};

use crate::wait::within;

/// A bare AMQP client.
#[derive(Debug)]
pub struct Stranger {
    connection: Connection,
    channel: Channel,
}

/// How long a connection may take to come about.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The arguments of a quorum queue.
pub const QUORUM: &[(&str, &str)] = &[("x-queue-type", "quorum")];

impl Stranger {
    /// Connects.
    ///
    /// # Panics
    /// When the broker does not let it in.
    pub async fn connect(url: &str) -> Self {
        within("a stranger's connection", Self::try_connect(url))
            .await
            .expect("a stranger connects")
    }

    /// Connects, should the broker be there.
    ///
    /// # Errors
    /// When it is not, or refuses.
    pub async fn try_connect(url: &str) -> lapin::Result<Self> {
        // The library waits for the handshake of a broker that is about to start, or to stop, as long as it takes.
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

    /// Its connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Its channel, on which publishes are confirmed.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Declares a durable queue with these arguments, and binds it to `domain_events` by `pattern`.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn bind(&self, queue: &str, pattern: &str, arguments: FieldTable) -> lapin::Result<()> {
        let durable = QueueDeclareOptions::durable();
        self.channel
            .queue_declare(queue.into(), durable, arguments)
            .await?;
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        self.channel
            .queue_bind(
                queue.into(),
                "domain_events".into(),
                pattern.into(),
                options,
                none,
            )
            .await
    }

    /// Deletes a queue, whatever is in it.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn delete(&self, queue: &str) -> lapin::Result<u32> {
        self.channel
            .queue_delete(queue.into(), QueueDeleteOptions::default())
            .await
    }

    /// Undoes a binding to `domain_events`.
    ///
    /// # Errors
    /// When the broker refuses it.
    pub async fn unbind(&self, queue: &str, pattern: &str) -> lapin::Result<()> {
        self.channel
            .queue_unbind(
                queue.into(),
                "domain_events".into(),
                pattern.into(),
                FieldTable::default(),
            )
            .await
    }

    /// Whether there is such a topic, direct or fanout exchange.
    pub async fn has_exchange(&self, exchange: &str) -> bool {
        // The broker closes the channel on which one asks in vain.
        let Ok(channel) = self.connection.create_channel().await else {
            return false;
        };
        let options = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        // By name alone: it says nothing of the kind.
        let declared = channel.exchange_declare(
            exchange.into(),
            ExchangeKind::Direct,
            options,
            FieldTable::default(),
        );
        let there = declared.await.is_ok();
        if there {
            let _ = channel.close(200, "OK".into()).await;
        }
        there
    }

    /// Deletes an exchange, and so every binding to it.
    ///
    /// # Errors
    /// When the broker refuses.
    pub async fn delete_exchange(&self, exchange: &str) -> lapin::Result<()> {
        self.channel
            .exchange_delete(exchange.into(), ExchangeDeleteOptions::default())
            .await
    }

    /// Publishes a body, and waits for the confirm; whether the broker took it.
    ///
    /// # Errors
    /// When the connection or the channel is lost.
    pub async fn publish(
        &self,
        exchange: &str,
        key: &str,
        properties: BasicProperties,
        body: &[u8],
    ) -> lapin::Result<bool> {
        let options = BasicPublishOptions::default();
        let confirm = self
            .channel
            .basic_publish(exchange.into(), key.into(), options, body, properties)
            .await?
            .await?;
        Ok(confirm.is_ack())
    }

    /// How many messages of a queue are ready; none where there is no such queue.
    pub async fn depth(&self, queue: &str) -> Option<u32> {
        // The broker closes the channel on which one asks in vain.
        let channel = self.connection.create_channel().await.ok()?;
        let passive = QueueDeclareOptions::durable().passive();
        let declared = channel
            .queue_declare(queue.into(), passive, FieldTable::default())
            .await
            .ok()?;
        let _ = channel.close(200, "OK".into()).await;
        Some(declared.message_count())
    }

    /// How many consumers a queue has; none where there is no such queue.
    pub async fn consumers(&self, queue: &str) -> Option<u32> {
        let channel = self.connection.create_channel().await.ok()?;
        let passive = QueueDeclareOptions::durable().passive();
        let declared = channel
            .queue_declare(queue.into(), passive, FieldTable::default())
            .await
            .ok()?;
        let _ = channel.close(200, "OK".into()).await;
        Some(declared.consumer_count())
    }

    /// Takes all that is ready out of a queue; nothing where there is no such queue.
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

/// A table of arguments or headers with texts in it.
pub fn table(entries: &[(&str, &str)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert((*name).into(), AMQPValue::LongString((*value).into()));
    }
    table
}
