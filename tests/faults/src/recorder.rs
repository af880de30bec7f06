//! A client who takes down all that comes by on the exchange.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::BasicProperties;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use serde::Deserialize;
use tokio::task::JoinHandle;

use tidings_test_support::foreign_client::{ForeignClient, quorum_queue};
use tidings_test_support::wait::until;

/// A queue of a client's, bound to everything and drained by a bare client: what it has seen was on the broker,
/// whatever became of it after. It connects again for as long as it lives.
#[derive(Debug)]
pub struct Recorder {
    seen: Seen,
    url: String,
    task: JoinHandle<()>,
}

/// The ids under which each number was seen, once for each copy.
type Seen = Arc<Mutex<HashMap<u64, Vec<String>>>>;

/// Its queue.
pub const QUEUE: &str = "recorder";

impl Recorder {
    /// Declares its queue and takes from it; `url` is the broker's own address, past any relay.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn call(url: &str) -> Self {
        let client = ForeignClient::connect(url).await;
        client
            .bind(QUEUE, "#", quorum_queue(&[]))
            .await
            .expect("the recorder has its queue");
        let seen = Seen::default();
        let task = tokio::spawn(watch(url.to_owned(), Arc::clone(&seen)));
        Self {
            seen,
            url: url.to_owned(),
            task,
        }
    }

    /// The ids under which each number was seen, once for each copy.
    pub fn seen(&self) -> HashMap<u64, Vec<String>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has seen all that is in its queue by now, and gives it.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn dismiss(self) -> HashMap<u64, Vec<String>> {
        // A queue hands out what came first first, what it hands out again too.
        until(
            "the recorder's queue takes the last message",
            async || match ForeignClient::try_connect(&self.url).await {
                Ok(client) => client
                    .publish("", QUEUE, BasicProperties::default(), LAST)
                    .await
                    .unwrap_or(false),
                Err(_) => false,
            },
        )
        .await;
        until("the recorder has seen all", async || {
            self.seen().contains_key(&u64::MAX)
        })
        .await;
        self.task.abort();
        let mut seen = self.seen();
        seen.remove(&u64::MAX);
        seen
    }
}

/// The last thing that a recorder sees.
const LAST: &[u8] = br#"{"id":"last","data":{"number":18446744073709551615}}"#;

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How often a connection that says nothing is looked at.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How long a word to the broker may take.
const PATIENCE: Duration = Duration::from_secs(10);

async fn watch(url: String, seen: Seen) {
    loop {
        // However it ends: the broker is away, or the queue is on its way to another node.
        let _ = take(&url, &seen).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn take(url: &str, seen: &Seen) -> lapin::Result<()> {
    let client = ForeignClient::try_connect(url).await?;
    let mut deliveries = in_time(async {
        let channel = client.channel();
        channel.basic_qos(500, BasicQosOptions::default()).await?;
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        channel
            .basic_consume(QUEUE.into(), "".into(), options, none)
            .await
    })
    .await?;
    while client.connection().status().connected() {
        // A stream does not always end with its connection.
        let Ok(next) = tokio::time::timeout(POLL_INTERVAL, deliveries.next()).await else {
            continue;
        };
        let Some(delivery) = next else { break };
        let delivery = delivery?;
        if let Some((number, id)) = number_and_id(&delivery.data) {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            // What is handed out again is no other copy.
            if !delivery.redelivered || !seen.contains_key(&number) {
                seen.entry(number).or_default().push(id);
            }
        }
        in_time(delivery.acker.ack(BasicAckOptions::default())).await?;
    }
    Ok(())
}

/// The library waits for the answer of a broker that stops as long as it takes.
async fn in_time<T>(work: impl Future<Output = lapin::Result<T>>) -> lapin::Result<T> {
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
}

/// The number and the id of an event of the suite, as it stands on the wire.
pub fn number_and_id(body: &[u8]) -> Option<(u64, String)> {
    let envelope: Envelope = serde_json::from_slice(body).ok()?;
    Some((envelope.data.number, envelope.id))
}

#[derive(Deserialize)]
struct Envelope {
    id: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    number: u64,
}
