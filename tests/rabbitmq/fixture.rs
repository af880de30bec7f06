//! A test's own place: a virtual host on a node, a bus there, and a client that knows nothing of us.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lapin::options::{QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, Queue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{Bus, BusBuilder, DomainEvent};
use tidings_broker::{Install, Node, Setup, Vhost};
use tokio::sync::Notify;

/// How long anything may take. Far more than it does: a busy machine must not fail a test.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// Something that happened.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "thing.happened", aggregate_id = number, routing_key = "thing.happened.{kind}")]
pub(crate) struct Happened {
    pub(crate) number: u64,
    pub(crate) kind: String,
}

impl Happened {
    pub(crate) fn new(number: u64, kind: &str) -> Self {
        Self {
            number,
            kind: kind.to_owned(),
        }
    }
}

/// A virtual host on the node that all tests share.
pub(crate) async fn vhost() -> Vhost<'static> {
    blocking(|| tidings_broker::shared().vhost().unwrap()).await
}

/// A node of one's own, to be killed.
pub(crate) async fn node() -> Arc<Node> {
    blocking(|| Arc::new(Setup::new(&Install::find().unwrap()).start().unwrap())).await
}

/// Runs what blocks.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

pub(crate) fn settings() -> BusBuilder {
    Bus::builder()
        .service("test")
        .connect_timeout(Duration::from_secs(20))
        .speed_up(20)
}

pub(crate) async fn bus(url: &str) -> Bus {
    settings().connect(url).await.unwrap()
}

/// A client that knows nothing of us.
pub(crate) async fn stranger(url: &str) -> (Connection, Channel) {
    let connection = Connection::connect(url, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

/// Declares a queue with these arguments, bound to `domain_events` by `pattern`.
pub(crate) async fn bind(channel: &Channel, queue: &str, pattern: &str, arguments: &[(&str, AMQPValue)]) {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert((*name).into(), value.clone());
    }
    channel
        .queue_declare(queue.into(), QueueDeclareOptions::durable(), table)
        .await
        .unwrap();
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    channel
        .queue_bind(
            queue.into(),
            "domain_events".into(),
            pattern.into(),
            options,
            none,
        )
        .await
        .unwrap();
}

/// How many messages a queue has that are ready.
pub(crate) async fn depth(channel: &Channel, queue: &str) -> u32 {
    look_at(channel, queue).await.message_count()
}

/// How many consume from a queue.
pub(crate) async fn consumers(channel: &Channel, queue: &str) -> u32 {
    look_at(channel, queue).await.consumer_count()
}

async fn look_at(channel: &Channel, queue: &str) -> Queue {
    let options = QueueDeclareOptions::durable().passive();
    channel
        .queue_declare(queue.into(), options, FieldTable::default())
        .await
        .unwrap()
}

/// A count that can be waited for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Count(Arc<(AtomicUsize, Notify)>);

impl Count {
    pub(crate) fn add(&self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        self.0.1.notify_waiters();
    }

    pub(crate) fn get(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    pub(crate) async fn reaches(&self, wanted: usize) {
        let reached = async {
            loop {
                let changed = self.0.1.notified();
                if self.get() >= wanted {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(DEADLINE, reached)
            .await
            .unwrap_or_else(|_| panic!("{} of {wanted}", self.get()));
    }
}

/// Asks until the answer is yes.
pub(crate) async fn until(what: &str, mut asked: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !asked().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, asking)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

/// The whole text of an error, causes and all.
pub(crate) fn text(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
