//! lapin as its README shows it: each publish, each confirm and each ack awaited.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;

use super::Job;
use super::lapin_wire::{QUEUE, confirm_channel, confirmed, connect, decode, encode, hand_over};
use crate::event::OrderCreated;
use crate::stopwatch::{Stopwatch, micros_since};
use crate::worker::Run;

pub(crate) async fn run(job: Job, run: &Run) {
    match job {
        Job::PublishOne | Job::PublishMany | Job::PublishAll | Job::PublishBig => publish(job, run).await,
        Job::Consume => consume(run, Duration::ZERO).await,
        Job::Slow => consume(run, Duration::from_millis(5)).await,
        other => unreachable!("no scenario asks for {other:?}"),
    }
}

async fn publish(job: Job, run: &Run) {
    let (_connection, channel) = confirm_channel(&run.url).await;
    let mut latencies = Vec::new();
    let stopwatch = Stopwatch::start();
    for number in 0..run.events {
        let begun = Instant::now();
        let (body, properties) = encode(&OrderCreated::new(number, job.note()));
        confirmed(hand_over(&channel, &body, properties).await).await;
        latencies.push(micros_since(begun));
    }
    stopwatch.stop(run.events, latencies);
}

async fn consume(run: &Run, work: Duration) {
    let (_connection, channel) = connect(&run.url).await;
    let stopwatch = Stopwatch::start();
    channel
        .basic_qos(256, BasicQosOptions::default())
        .await
        .expect("a prefetch is taken");
    let mut deliveries = channel
        .basic_consume(
            QUEUE.into(),
            "naive".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("the queue is there");
    for _ in 0..run.events {
        let delivery = deliveries.next().await.expect("a delivery comes").expect("whole");
        std::hint::black_box(decode(&delivery.data));
        if !work.is_zero() {
            tokio::time::sleep(work).await;
        }
        delivery
            .ack(BasicAckOptions::default())
            .await
            .expect("an ack is written");
    }
    stopwatch.stop(run.events, Vec::new());
}
