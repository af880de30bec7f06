//! RustStream, as its guides show it and tuned: 1,024 publishes in flight and 64 workers.
//!
//! `bench-ruststream <documented|tuned> <job> <url> <events>`
//!
//! Of the properties that the other clients set, its publisher can set the content type, message id and correlation id.

#[path = "../../src/alloc.rs"]
#[allow(dead_code)]
mod alloc;
#[path = "../../src/machine.rs"]
#[allow(dead_code)]
mod machine;
#[path = "../../src/stopwatch.rs"]
#[allow(dead_code)]
mod stopwatch;

use std::env;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream;
use ruststream_lapin::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::stopwatch::{Stopwatch, micros_since};

const QUEUE: &str = "bench.take";
const SMALL_NOTE: usize = 96;

#[derive(Debug, Serialize, Deserialize)]
struct OrderCreated {
    order_id: Uuid,
    customer: String,
    total_cents: u64,
    at_micros: u64,
    note: String,
}

#[derive(Debug, Serialize, Deserialize, Outgoing)]
#[outgoing(name = "order.created")]
#[serde(rename_all = "camelCase")]
struct Envelope {
    id: Uuid,
    r#type: String,
    timestamp: String,
    aggregate_id: String,
    correlation_id: Uuid,
    version: u32,
    source: String,
    data: OrderCreated,
}

impl Envelope {
    fn new(number: u64) -> Self {
        let id = Uuid::now_v7();
        let order_id = Uuid::from_u128(0x0193_5a1c_0000_7000_8000_0000_0000_0000 | u128::from(number));
        Self {
            id,
            r#type: "order.created".to_owned(),
            timestamp: format!("{:.3}", jiff::Timestamp::now()),
            aggregate_id: order_id.to_string(),
            correlation_id: id,
            version: 1,
            source: "bench".to_owned(),
            data: OrderCreated {
                order_id,
                customer: "Ada Lovelace".to_owned(),
                total_cents: 4200 + number % 1000,
                at_micros: 0,
                note: "n".repeat(SMALL_NOTE),
            },
        }
    }
}

/// The number of events that are left, and a signal at the last one.
#[derive(Debug)]
struct Countdown {
    left: AtomicU64,
    done: Notify,
}

static COUNTDOWN: OnceLock<Countdown> = OnceLock::new();

fn count_one() {
    if let Some(countdown) = COUNTDOWN.get()
        && countdown.left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        countdown.done.notify_one();
    }
}

#[subscriber(RabbitQueue::new("bench.take"))]
async fn take(order: &Envelope) -> HandlerOutcome {
    std::hint::black_box(order);
    count_one();
    HandlerOutcome::ack()
}

#[subscriber(RabbitQueue::new("bench.take"), workers(64))]
async fn take_with_workers(order: &Envelope) -> HandlerOutcome {
    std::hint::black_box(order);
    count_one();
    HandlerOutcome::ack()
}

async fn publish(url: String, events: u64, in_flight: usize) {
    let connected = LapinBroker::new(url)
        .connect()
        .await
        .expect("the broker accepts the connection");
    let publisher = connected.publisher(Publish::default().exchange("domain_events").confirms());
    let stopwatch = Stopwatch::start();
    let latencies: Vec<u32> = stream::iter(0..events)
        .map(|number| {
            let publisher = &publisher;
            async move {
                let begun = Instant::now();
                let envelope = Envelope::new(number);
                let mut headers = HeaderMap::new();
                headers.insert("message-id", envelope.id.to_string());
                headers.insert("correlation-id", envelope.correlation_id.to_string());
                publisher
                    .message(&envelope)
                    .with_headers(headers)
                    .publish()
                    .await
                    .expect("the broker confirms");
                micros_since(begun)
            }
        })
        .buffer_unordered(in_flight)
        .collect()
        .await;
    stopwatch.stop(events, latencies);
}

async fn consume(url: String, events: u64, tuned: bool) {
    let countdown = COUNTDOWN.get_or_init(|| Countdown {
        left: AtomicU64::new(events),
        done: Notify::new(),
    });
    let broker = LapinBroker::new(url);
    let broker = if tuned {
        broker.prefetch(nonzero!(1024))
    } else {
        broker
    };
    let stopwatch = Stopwatch::start();
    let app = RustStream::new(AppInfo::new("bench", "0.1.0"));
    let running = if tuned {
        app.with_broker(broker, |b| {
            b.include(take_with_workers);
        })
        .start()
        .await
    } else {
        app.with_broker(broker, |b| {
            b.include(take);
        })
        .start()
        .await
    }
    .unwrap_or_else(|error| panic!("cannot consume {QUEUE}: {error}"));
    countdown.done.notified().await;
    running.shutdown().await.expect("the shutdown succeeds");
    stopwatch.stop(events, Vec::new());
}

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let (Some([variant, job, url]), Some(events)) = (
        args.first_chunk::<3>(),
        args.get(3).and_then(|events| events.parse().ok()),
    ) else {
        eprintln!("bench-ruststream: <documented|tuned> <job> <url> <events>");
        return ExitCode::from(2);
    };
    let tuned = variant == "tuned";
    match job.as_str() {
        "publish-one" | "publish-256" | "publish-all" => {
            publish(url.clone(), events, if tuned { 1024 } else { 1 }).await;
        }
        "consume" => consume(url.clone(), events, tuned).await,
        other => {
            eprintln!("bench-ruststream: no job `{other}`");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
