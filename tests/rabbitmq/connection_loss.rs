//! Losing the connection: nothing that was confirmed is lost, and callers and handlers go on.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidings::{App, Bus, RunningApp, State, event_handler, handlers};
use tidings_broker::Node;
use tokio::task::JoinHandle;

use crate::place::{Happened, blocking, bus, node, settings, until};

type Seen = Arc<Mutex<HashSet<u64>>>;

#[event_handler("thing.happened.*", concurrency = 16)]
async fn see(event: Happened, State(seen): State<Seen>) {
    seen.lock().unwrap().insert(event.number);
}

/// Publishes from several tasks until told to stop; gives the numbers that were confirmed.
fn publish_on(bus: &Bus, stop: &Arc<std::sync::atomic::AtomicBool>) -> Vec<JoinHandle<Vec<u64>>> {
    let publish = |task: u64| {
        let (bus, stop) = (bus.clone(), Arc::clone(stop));
        tokio::spawn(async move {
            let mut confirmed = Vec::new();
            for number in (task * 1_000_000).. {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                if bus.publish(&Happened::new(number, "a")).await.is_ok() {
                    confirmed.push(number);
                }
            }
            confirmed
        })
    };
    (1..=32).map(publish).collect()
}

async fn start(url: &str) -> (Bus, Bus, RunningApp, Seen) {
    let (publisher, consumer, seen) = (bus(url).await, bus(url).await, Seen::default());
    let app = App::new("seer")
        .state(Arc::clone(&seen))
        .handlers(handlers![see])
        .start(&consumer)
        .await
        .unwrap();
    (publisher, consumer, app, seen)
}

async fn nothing_is_lost(
    node: &Arc<Node>,
    faults: usize,
    fault: impl Fn(&Node) + Send + Sync + Copy + 'static,
) {
    let (publisher, consumer, app, seen) = start(&node.url()).await;
    let stop = Arc::default();
    let publishers = publish_on(&publisher, &stop);
    // RabbitMQ 3.10.8 loses a quorum queue, log and all, that is killed in its first second.
    tokio::time::sleep(Duration::from_secs(6)).await;
    for _ in 0..faults {
        let before = seen.lock().unwrap().len();
        until("some pass", async || seen.lock().unwrap().len() > before + 500).await;
        let node = Arc::clone(node);
        blocking(move || fault(&node)).await;
    }
    let before = seen.lock().unwrap().len();
    until("some pass", async || seen.lock().unwrap().len() > before + 500).await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut confirmed = Vec::new();
    for publisher in publishers {
        confirmed.extend(publisher.await.unwrap());
    }
    until("all that was confirmed is handled", async || {
        let seen = seen.lock().unwrap();
        confirmed.iter().all(|number| seen.contains(number))
    })
    .await;
    until("both are well again", async || {
        publisher.health().is_ready() && app.health().is_ready()
    })
    .await;
    app.shutdown().await.unwrap();
    publisher.close().await;
    consumer.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_an_operator_closes_are_made_again() {
    let node = node().await;
    nothing_is_lost(&node, 3, |node| {
        node.ctl(&["close_all_connections", "test"]).unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_and_started_again_has_all_that_it_confirmed() {
    let node = node().await;
    nothing_is_lost(&node, 2, |node| {
        node.kill();
        node.start_again().unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publish_waits_for_a_broker_that_is_away_and_fails_surely_when_it_does_not_come() {
    let node = node().await;
    let bus = settings()
        .publish_timeout(Duration::from_secs(3))
        .connect(&node.url())
        .await
        .unwrap();
    bus.publish(&Happened::new(1, "a")).await.unwrap();
    let killed = Arc::clone(&node);
    blocking(move || killed.kill()).await;
    until("health says so", async || !bus.health().connected).await;
    // The first may leave on a connection that is not known to be lost yet.
    assert!(bus.publish(&Happened::new(2, "a")).await.is_err());
    let error = bus.publish(&Happened::new(2, "a")).await.unwrap_err();
    assert!(error.to_string().contains("it was not delivered"), "{error}");
    let patient = bus.clone();
    let waiting = tokio::spawn(async move {
        let mut tries = 0;
        while patient.publish(&Happened::new(3, "a")).await.is_err() {
            tries += 1;
        }
        tries
    });
    let started = Arc::clone(&node);
    blocking(move || started.start_again().unwrap()).await;
    waiting.await.unwrap();
    bus.close().await;
}
