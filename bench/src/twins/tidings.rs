//! Tidings as its users write it.

use std::time::Duration;

use tidings::{App, Bus, Declare, handlers};
use tokio::task::JoinSet;

use super::countdown::Tally;
use super::handlers::{
    busy, empty, family, ordered, slow, slow_16, slow_256, slow_1024, slow_timed, stuck, timed,
};
use super::publish_tasks::publish_from;
use super::{Job, chain, in_memory, memory_growth, reconnect, start};
use crate::event::{OrderCreated, now_micros};
use crate::stopwatch::Stopwatch;
use crate::worker::Run;

const TASKS: u64 = 256;

pub(crate) async fn run(job: Job, run: &Run) {
    match job {
        Job::PublishOne => publish_from_tasks(job, run, 1).await,
        Job::PublishMany | Job::PublishBig => publish_from_tasks(job, run, TASKS).await,
        Job::Publish1024 => publish_from_tasks(job, run, 1024).await,
        Job::PublishAll => publish_all(job, run, 10_000).await,
        Job::PublishThousands => publish_all(job, run, 1_000).await,
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
        Job::Memory => in_memory::run(run, 1, 0).await,
        Job::MemoryMany => in_memory::run(run, 64, 0).await,
        Job::Dispatch100 => in_memory::run(run, 1, 1).await,
        Job::Dispatch1000 => in_memory::run(run, 1, 10).await,
        Job::Dispatch10000 => in_memory::run(run, 1, 100).await,
        Job::Reconnect => reconnect::tidings(run).await,
        Job::Start => start::run(run).await,
        Job::Flat => memory_growth::run(run).await,
        other @ (Job::PublishFromTasks | Job::PublishByOwner | Job::PublishInCalls) => {
            unreachable!("no scenario asks for {other:?}")
        }
    }
}

pub(super) async fn connect(url: &str) -> Bus {
    // The queues are the benchmark's: classic ones, too.
    let bus = Bus::builder().service("bench").declare(Declare::Off).connect(url);
    bus.await.expect("the broker takes connections")
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

async fn publish_all(job: Job, run: &Run, at_once: u64) {
    let bus = connect(&run.url).await;
    let stopwatch = Stopwatch::start();
    let mut number = 0;
    while number < run.events {
        let end = (number + at_once).min(run.events);
        let events: Vec<OrderCreated> = (number..end)
            .map(|number| OrderCreated::new(number, job.note()))
            .collect();
        for result in bus.publish_all(&events).await {
            result.expect("the broker confirms");
        }
        number = end;
    }
    stopwatch.stop(run.events, Vec::new());
}

async fn consume(run: &Run, handled: impl Fn(App<Tally>) -> App<Tally>) {
    let bus = connect(&run.url).await;
    let tally = Tally::new(run.events);
    let app = handled(App::new("bench").state(tally.clone()));
    let stopwatch = Stopwatch::start();
    let app = app.start(&bus).await.expect("the queue is there");
    tally.all().await;
    // The last acks are part of the work, as they are of the twins'.
    app.shutdown().await.expect("nothing is left");
    stopwatch.stop(run.events, Vec::new());
}

/// So many events every millisecond, from before the publish to the handler.
async fn paced(run: &Run, each: u64, handled: impl Fn(App<Tally>) -> App<Tally>) {
    let bus = connect(&run.url).await;
    let tally = Tally::new(run.events);
    let app = handled(App::new("bench").state(tally.clone()));
    let app = app.start(&bus).await.expect("the queue is there");
    let stopwatch = Stopwatch::start();
    let mut pace = tokio::time::interval(Duration::from_millis(1));
    let mut publishing = JoinSet::new();
    for number in 0..run.events {
        if number % each == 0 {
            pace.tick().await;
        }
        let bus = bus.clone();
        publishing.spawn(async move {
            let mut event = OrderCreated::new(number, Job::EndToEnd.note());
            event.at_micros = now_micros();
            bus.publish(&event).await.expect("the broker confirms");
        });
        while publishing.try_join_next().is_some() {}
    }
    tally.all().await;
    stopwatch.stop(run.events, tally.take_latencies());
    app.shutdown().await.expect("nothing is left");
}

/// 256 tasks publish what a handler takes meanwhile.
async fn end_to_end_full(run: &Run) {
    let bus = connect(&run.url).await;
    let tally = Tally::new(run.events);
    let app = App::new("bench").state(tally.clone());
    let app = app.handlers(handlers![timed::take]);
    let app = app.start(&bus).await.expect("the queue is there");
    let stopwatch = Stopwatch::start();
    let publishing = publish_timed(&bus, run.events);
    publishing.join_all().await;
    tally.all().await;
    stopwatch.stop(run.events, tally.take_latencies());
    app.shutdown().await.expect("nothing is left");
}

/// Lets 256 tasks publish so many events, each with its time.
pub(super) fn publish_timed(bus: &Bus, events: u64) -> JoinSet<()> {
    let mut publishing = JoinSet::new();
    for task in 0..TASKS {
        let bus = bus.clone();
        publishing.spawn(async move {
            for number in (task..events).step_by(256) {
                let mut event = OrderCreated::new(number, Job::EndToEnd.note());
                event.at_micros = now_micros();
                bus.publish(&event).await.expect("the broker confirms");
            }
        });
    }
    publishing
}
