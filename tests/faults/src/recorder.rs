//! Records every event that reaches the exchange.

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

/// A client without Tidings whose queue is bound to every event. Every event that it records was on the broker. The
/// client reconnects after every connection loss.
#[derive(Debug)]
pub struct Recorder {
    seen: Seen,
    url: String,
    task: JoinHandle<()>,
}

/// The ids of the recorded copies, by event number.
type Seen = Arc<Mutex<HashMap<u64, Vec<String>>>>;

const QUEUE: &str = "recorder";

impl Recorder {
    /// Declares the queue and consumes it. `url` must lead to the broker without a relay.
    ///
    /// # Panics
    /// When the queue cannot be declared and bound.
    pub async fn start(url: &str) -> Self {
        let client = ForeignClient::connect(url).await;
        client
            .bind(QUEUE, "#", quorum_queue(&[]))
            .await
            .expect("the queue of the recorder is bound");
        let seen = Seen::default();
        let task = tokio::spawn(consume_forever(url.to_owned(), Arc::clone(&seen)));
        Self {
            seen,
            url: url.to_owned(),
            task,
        }
    }

    /// The ids of the recorded copies, by event number.
    pub fn seen(&self) -> HashMap<u64, Vec<String>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the recorder has read its whole queue, and returns what it recorded.
    ///
    /// # Panics
    /// After the deadline.
    pub async fn stop(self) -> HashMap<u64, Vec<String>> {
        // A queue delivers in order, so the last message arrives last.
        until(
            "the queue of the recorder accepts the last message",
            async || match ForeignClient::try_connect(&self.url).await {
                Ok(client) => client
                    .publish("", QUEUE, BasicProperties::default(), LAST)
                    .await
                    .unwrap_or(false),
                Err(_) => false,
            },
        )
        .await;
        until("the recorder has received the last message", async || {
            self.seen().contains_key(&u64::MAX)
        })
        .await;
        self.task.abort();
        let mut seen = self.seen();
        seen.remove(&u64::MAX);
        seen
    }
}

/// The message after all events.
const LAST: &[u8] = br#"{"id":"last","data":{"number":18446744073709551615}}"#;

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How often the recorder checks a silent connection.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The deadline of a call to the broker.
const TIMEOUT: Duration = Duration::from_secs(10);

async fn consume_forever(url: String, seen: Seen) {
    loop {
        // Consuming ends when the broker is down or the queue moves to another node.
        let _ = consume(&url, &seen).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn consume(url: &str, seen: &Seen) -> lapin::Result<()> {
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
        // The stream does not always end with its connection.
        let Ok(next) = tokio::time::timeout(POLL_INTERVAL, deliveries.next()).await else {
            continue;
        };
        let Some(delivery) = next else { break };
        let delivery = delivery?;
        if let Some((number, id)) = number_and_id(&delivery.data) {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            // A redelivery is not another copy.
            if !delivery.redelivered || !seen.contains_key(&number) {
                seen.entry(number).or_default().push(id);
            }
        }
        in_time(delivery.acker.ack(BasicAckOptions::default())).await?;
    }
    Ok(())
}

/// Limits a call, because lapin waits forever for the answer of a broker that stops.
async fn in_time<T>(work: impl Future<Output = lapin::Result<T>>) -> lapin::Result<T> {
    tokio::time::timeout(TIMEOUT, work)
        .await
        .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
}

/// Binds the queue of the recorder again, after an operator deleted the queue or the exchange.
pub(crate) async fn bind_again(client: &ForeignClient) {
    until("the recorder is bound again", async || {
        client.bind(QUEUE, "#", quorum_queue(&[])).await.is_ok()
    })
    .await;
}

/// Reads the number and the id from the body of an event.
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
