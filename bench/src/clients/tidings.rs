//! Tidings as its users write it.

use std::time::Duration;

use tidings::{App, handlers};
use tokio::task::JoinSet;

use super::countdown::Countdown;
use super::handlers::{
    busy, empty, family, ordered, slow, slow_16, slow_256, slow_1024, slow_timed, stuck, timed,
};
use super::job::{Job, Run};
use super::publish_tasks::{TASKS, publish_from};
use super::tidings_bus::{connect, publish_one_with_time, publish_with_time};
use super::{chain, in_memory, memory_growth, reconnect, start};
use crate::event::OrderCreated;
use crate::stopwatch::Stopwatch;

/// The number of events in one call of `publish_all`.
const CALL: u64 = 10_000;

pub(crate) async fn run(job: Job, run: &Run) {
    match job {
        Job::PublishOne => publish_from_tasks(job, run, 1).await,
        Job::PublishMany | Job::PublishBig => publish_from_tasks(job, run, TASKS).await,
        Job::Publish1024 => publish_from_tasks(job, run, 1024).await,
        Job::PublishAll => publish_all(run).await,
        Job::Consume | Job::ConsumeBig => consume(run, |app| app.handlers(handlers![empty::take])).await,
        Job::Slow16 => consume(run, |app| app.handlers(handlers![slow_16::take])).await,
        Job::Slow => consume(run, |app| app.handlers(handlers![slow::take])).await,
        Job::Slow256 => consume(run, |app| app.handlers(handlers![slow_256::take])).await,
        Job::Slow1024 => consume(run, |app| app.handlers(handlers![slow_1024::take])).await,
        Job::Busy => consume(run, |app| app.handlers(handlers![busy::take])).await,
        Job::Stuck => consume(run, |app| app.handlers(handlers![stuck::take])).await,
        Job::Family => consume(run, |app| app.handlers(handlers![family::take])).await,
        Job::Ordered1 | Job::Ordered100 | Job::Ordered100000 => {
            consume(run, |app| app.handlers(handlers![ordered::take])).await;
        }
        Job::Offered => paced(run, 2, |app| app.handlers(handlers![slow_timed::take])).await,
        Job::EndToEnd => paced(run, 1, |app| app.handlers(handlers![timed::take])).await,
        Job::EndToEndFull => end_to_end_full(run).await,
        Job::Chain => chain::tidings(run).await,
        Job::Memory => in_memory::run(run, 1).await,
        Job::MemoryMany => in_memory::run(run, 64).await,
        Job::Reconnect => reconnect::tidings(run).await,
        Job::Start => start::run(run).await,
        Job::MemoryGrowth => memory_growth::run(run).await,
        other @ (Job::PublishByOwner | Job::PublishByTasks | Job::PublishLocked | Job::PublishInCalls) => {
            unreachable!("no scenario has Tidings do {other:?}")
        }
    }
}

async fn publish_from_tasks(job: Job, run: &Run, tasks: u64) {
    let bus = connect(&run.url).await;
    let note = job.note();
    let stopwatch = Stopwatch::start();
    let publish = move |number| {
        let bus = bus.clone();
        async move {
            bus.publish(&OrderCreated::new(number, note))
                .await
                .expect("the broker confirms");
        }
    };
    let latencies = publish_from(tasks, run.events, publish).await;
    stopwatch.stop(run.events, latencies);
}

async fn publish_all(run: &Run) {
    let bus = connect(&run.url).await;
    let stopwatch = Stopwatch::start();
    let mut number = 0;
    while number < run.events {
        let end = (number + CALL).min(run.events);
        let events: Vec<OrderCreated> = (number..end)
            .map(|number| OrderCreated::new(number, Job::PublishAll.note()))
            .collect();
        for result in bus.publish_all(&events).await {
            result.expect("the broker confirms");
        }
        number = end;
    }
    stopwatch.stop(run.events, Vec::new());
}

async fn consume(run: &Run, with_handler: impl Fn(App<Countdown>) -> App<Countdown>) {
    let bus = connect(&run.url).await;
    let countdown = Countdown::new(run.events);
    let app = with_handler(App::new("bench").state(countdown.clone()));
    let stopwatch = Stopwatch::start();
    let app = app.start(&bus).await.expect("the queue exists");
    countdown.finished().await;
    // The last acks are part of the work, as they are for the other clients.
    app.shutdown().await.expect("the shutdown succeeds");
    stopwatch.stop(run.events, Vec::new());
}

/// Publishes `per_milli` events every millisecond, and measures from before the publish to the handler.
async fn paced(run: &Run, per_milli: u64, with_handler: impl Fn(App<Countdown>) -> App<Countdown>) {
    let bus = connect(&run.url).await;
    let countdown = Countdown::new(run.events);
    let app = with_handler(App::new("bench").state(countdown.clone()));
    let app = app.start(&bus).await.expect("the queue exists");
    let stopwatch = Stopwatch::start();
    let mut pace = tokio::time::interval(Duration::from_millis(1));
    let mut publishing = JoinSet::new();
    for number in 0..run.events {
        if number % per_milli == 0 {
            pace.tick().await;
        }
        publishing.spawn(publish_one_with_time(bus.clone(), number));
        while publishing.try_join_next().is_some() {}
    }
    countdown.finished().await;
    stopwatch.stop(run.events, countdown.take_latencies());
    app.shutdown().await.expect("the shutdown succeeds");
}

/// 256 tasks publish the events that a handler takes at the same time.
async fn end_to_end_full(run: &Run) {
    let bus = connect(&run.url).await;
    let countdown = Countdown::new(run.events);
    let app = App::new("bench").state(countdown.clone());
    let app = app.handlers(handlers![timed::take]);
    let app = app.start(&bus).await.expect("the queue exists");
    let stopwatch = Stopwatch::start();
    publish_with_time(&bus, run.events).join_all().await;
    countdown.finished().await;
    stopwatch.stop(run.events, countdown.take_latencies());
    app.shutdown().await.expect("the shutdown succeeds");
}
