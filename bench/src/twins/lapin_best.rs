//! lapin as well as it can be used by hand: a window of unconfirmed publishes, 64 polled together; acks by 64.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Confirmation};
use tokio::task::JoinSet;

use super::Job;
use super::lapin_wire::{QUEUE, confirm_channel, confirmed, connect, decode, encode, hand_over};
use crate::event::{OrderCreated, now_micros};
use crate::worker::{Run, Stopwatch, micros_since};

const WINDOW: usize = 1024;
const TOGETHER: u64 = 64;
const PREFETCH: u16 = 256;

pub(crate) async fn run(job: Job, run: &Run) {
    match job {
        Job::PublishOne | Job::PublishMany | Job::PublishAll | Job::PublishBig => {
            let (_connection, channel) = confirm_channel(&run.url).await;
            let stopwatch = Stopwatch::start();
            let latencies = publish(&channel, run.events, job.note()).await;
            stopwatch.stop(run.events, latencies);
        }
        Job::Consume => consume(run).await,
        Job::ConsumeSlow => consume_slowly(run, Duration::from_millis(5)).await,
        Job::EndToEnd => end_to_end(run).await,
        Job::Memory => unreachable!("no scenario asks for it"),
    }
}

/// Publishes so many events, and gives how long each confirm took in microseconds.
pub(crate) async fn publish(channel: &Channel, events: u64, note: usize) -> Vec<u32> {
    let mut window = VecDeque::with_capacity(WINDOW);
    let mut latencies = Vec::with_capacity(usize::try_from(events).unwrap_or_default());
    let mut number = 0;
    while number < events {
        let end = (number + TOGETHER).min(events);
        let begun = Instant::now();
        let encoded: Vec<_> = (number..end)
            .map(|number| encode(&OrderCreated::new(number, note)))
            .collect();
        let handed = encoded
            .iter()
            .map(|(body, properties)| hand_over(channel, body, properties.clone()));
        window.extend(join_all(handed).await.into_iter().map(|confirm| (begun, confirm)));
        number = end;
        while window.len() + usize::try_from(TOGETHER).unwrap_or_default() > WINDOW {
            settle(&mut window, TOGETHER, &mut latencies).await;
        }
    }
    while !window.is_empty() {
        settle(&mut window, TOGETHER, &mut latencies).await;
    }
    latencies
}

async fn settle<C: Future<Output = lapin::Result<Confirmation>>>(
    window: &mut VecDeque<(Instant, C)>,
    count: u64,
    latencies: &mut Vec<u32>,
) {
    let count = usize::try_from(count).unwrap_or_default().min(window.len());
    let settled = window.drain(..count).map(|(begun, confirm)| async move {
        confirmed(confirm).await;
        micros_since(begun)
    });
    latencies.extend(join_all(settled).await);
}

async fn consume(run: &Run) {
    let (_connection, channel) = connect(&run.url).await;
    let stopwatch = Stopwatch::start();
    let mut deliveries = subscribe(&channel).await;
    for number in 1..=run.events {
        let delivery = deliveries.next().await.expect("a delivery comes").expect("whole");
        std::hint::black_box(decode(&delivery.data));
        if number % TOGETHER == 0 || number == run.events {
            let all = BasicAckOptions { multiple: true };
            delivery.ack(all).await.expect("an ack is written");
        }
    }
    stopwatch.stop(run.events, Vec::new());
}

/// 64 side by side, each acknowledged by itself.
async fn consume_slowly(run: &Run, work: Duration) {
    let (_connection, channel) = connect(&run.url).await;
    let stopwatch = Stopwatch::start();
    let mut deliveries = subscribe(&channel).await;
    let places = Arc::new(tokio::sync::Semaphore::new(64));
    let mut tasks = JoinSet::new();
    for _ in 0..run.events {
        let place = Arc::clone(&places).acquire_owned().await.expect("it stays open");
        let delivery = deliveries.next().await.expect("a delivery comes").expect("whole");
        tasks.spawn(async move {
            std::hint::black_box(decode(&delivery.data));
            tokio::time::sleep(work).await;
            delivery
                .ack(BasicAckOptions::default())
                .await
                .expect("an ack is written");
            drop(place);
        });
        while tasks.try_join_next().is_some() {}
    }
    while tasks.join_next().await.is_some() {}
    stopwatch.stop(run.events, Vec::new());
}

async fn subscribe(channel: &Channel) -> lapin::Consumer {
    channel
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await
        .expect("a prefetch is taken");
    channel
        .basic_consume(
            QUEUE.into(),
            "best".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("the queue is there")
}

/// 1,000 events a second; each is acknowledged at once, since nothing waits behind it.
async fn end_to_end(run: &Run) {
    let (_publishing, sender) = confirm_channel(&run.url).await;
    let (_consuming, receiver) = connect(&run.url).await;
    let mut deliveries = subscribe(&receiver).await;
    let events = run.events;
    let consumer = tokio::spawn(async move {
        let mut latencies = Vec::new();
        for _ in 0..events {
            let delivery = deliveries.next().await.expect("a delivery comes").expect("whole");
            let event = decode(&delivery.data);
            latencies.push(u32::try_from(now_micros().saturating_sub(event.at_micros)).unwrap_or(u32::MAX));
            delivery
                .ack(BasicAckOptions::default())
                .await
                .expect("an ack is written");
        }
        latencies
    });
    let stopwatch = Stopwatch::start();
    let mut pace = tokio::time::interval(Duration::from_millis(1));
    let mut publishing = JoinSet::new();
    for number in 0..events {
        pace.tick().await;
        let mut event = OrderCreated::new(number, Job::EndToEnd.note());
        event.at_micros = now_micros();
        let channel = sender.clone();
        let (body, properties) = encode(&event);
        let confirm = hand_over(&channel, &body, properties).await;
        publishing.spawn(confirmed(confirm));
        while publishing.try_join_next().is_some() {}
    }
    let latencies = consumer.await.expect("the consumer ends");
    stopwatch.stop(events, latencies);
}
