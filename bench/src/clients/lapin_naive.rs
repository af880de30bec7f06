//! lapin as its README shows it: it awaits each publish, each confirm and each ack.

use std::time::Instant;

use super::job::{Job, Run};
use super::lapin_wire::{
    QUEUE, acknowledge, confirm_channel, confirmed, connect, decode, encode, next, publish_order, subscribe,
};
use crate::event::OrderCreated;
use crate::stopwatch::{Stopwatch, micros_since};

pub(crate) async fn run(job: Job, run: &Run) {
    match job {
        Job::PublishOne | Job::PublishMany => publish(job, run).await,
        Job::Consume => consume(run).await,
        other => unreachable!("no scenario has lapin-naive do {other:?}"),
    }
}

async fn publish(job: Job, run: &Run) {
    let (_connection, channel) = confirm_channel(&run.url).await;
    let mut latencies = Vec::new();
    let stopwatch = Stopwatch::start();
    for number in 0..run.events {
        let begun = Instant::now();
        let (body, properties) = encode(&OrderCreated::new(number, job.note()));
        confirmed(publish_order(&channel, &body, properties).await).await;
        latencies.push(micros_since(begun));
    }
    stopwatch.stop(run.events, latencies);
}

async fn consume(run: &Run) {
    let (_connection, channel) = connect(&run.url).await;
    let stopwatch = Stopwatch::start();
    let mut deliveries = subscribe(&channel, QUEUE, 256).await;
    for _ in 0..run.events {
        let delivery = next(&mut deliveries).await;
        std::hint::black_box(decode(&delivery.data));
        acknowledge(&delivery.acker).await;
    }
    stopwatch.stop(run.events, Vec::new());
}
