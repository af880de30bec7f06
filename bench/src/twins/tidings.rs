//! Tidings as its users write it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tidings::{App, Bus, Declare, Event, State, event_handler, handlers};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Job, memory};
use crate::event::{OrderCreated, now_micros};
use crate::worker::{Run, Stopwatch, micros_since};

const TASKS: u64 = 256;
const AT_ONCE: u64 = 1000;

pub(crate) async fn run(job: Job, run: &Run) {
    match job {
        Job::PublishOne => publish_from_tasks(job, run, 1).await,
        Job::PublishMany | Job::PublishBig => publish_from_tasks(job, run, TASKS).await,
        Job::PublishAll => publish_all(job, run).await,
        Job::Consume => consume(run, |app| app.handlers(handlers![empty::take])).await,
        Job::ConsumeSlow => consume(run, |app| app.handlers(handlers![slow::take])).await,
        Job::EndToEnd => end_to_end(run).await,
        Job::Memory => memory::run(run).await,
    }
}

async fn connect(url: &str) -> Bus {
    // The queues are the benchmark's: classic ones, too.
    let bus = Bus::builder().service("bench").declare(Declare::Off).connect(url);
    bus.await.expect("the broker takes connections")
}

async fn publish_from_tasks(job: Job, run: &Run, tasks: u64) {
    let bus = connect(&run.url).await;
    let (events, note) = (run.events, job.note());
    let stopwatch = Stopwatch::start();
    let mut publishing = JoinSet::new();
    for task in 0..tasks {
        let bus = bus.clone();
        publishing.spawn(async move {
            let mut latencies = Vec::new();
            for number in (task..events).step_by(usize::try_from(tasks).unwrap_or(1)) {
                let begun = Instant::now();
                bus.publish(&OrderCreated::new(number, note))
                    .await
                    .expect("the broker confirms");
                latencies.push(micros_since(begun));
            }
            latencies
        });
    }
    let latencies = publishing.join_all().await.concat();
    stopwatch.stop(events, latencies);
}

async fn publish_all(job: Job, run: &Run) {
    let bus = connect(&run.url).await;
    let stopwatch = Stopwatch::start();
    let mut number = 0;
    while number < run.events {
        let end = (number + AT_ONCE).min(run.events);
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

/// How many are still to come, and who waits for the last; the latencies where they are measured.
#[derive(Debug, Clone)]
pub(crate) struct Tally(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    left: AtomicU64,
    done: Notify,
    latencies: Mutex<Vec<u32>>,
}

impl Tally {
    pub(crate) fn new(events: u64) -> Self {
        Self(Arc::new(Inner {
            left: AtomicU64::new(events),
            done: Notify::new(),
            latencies: Mutex::default(),
        }))
    }

    pub(crate) fn one(&self) {
        if self.0.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.done.notify_one();
        }
    }

    pub(crate) async fn all(&self) {
        self.0.done.notified().await;
    }

    fn latency(&self, micros: u64) {
        let mut latencies = self.0.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        latencies.push(u32::try_from(micros).unwrap_or(u32::MAX));
    }
}

mod empty {
    use super::{Event, OrderCreated, State, Tally, event_handler};

    #[event_handler("order.created")]
    pub(crate) async fn take(order: Event<OrderCreated>, State(tally): State<Tally>) {
        std::hint::black_box(&order);
        tally.one();
    }
}

mod slow {
    use super::{Duration, Event, OrderCreated, State, Tally, event_handler};

    #[event_handler("order.created")]
    pub(crate) async fn take(order: Event<OrderCreated>, State(tally): State<Tally>) {
        std::hint::black_box(&order);
        tokio::time::sleep(Duration::from_millis(5)).await;
        tally.one();
    }
}

mod timed {
    use super::{Event, OrderCreated, State, Tally, event_handler, now_micros};

    #[event_handler("order.created")]
    pub(crate) async fn take(order: Event<OrderCreated>, State(tally): State<Tally>) {
        tally.latency(now_micros().saturating_sub(order.at_micros));
        tally.one();
    }
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

async fn end_to_end(run: &Run) {
    let bus = connect(&run.url).await;
    let tally = Tally::new(run.events);
    let app = App::new("bench")
        .state(tally.clone())
        .handlers(handlers![timed::take]);
    let app = app.start(&bus).await.expect("the queue is there");
    let stopwatch = Stopwatch::start();
    let mut pace = tokio::time::interval(Duration::from_millis(1));
    let mut publishing = JoinSet::new();
    for number in 0..run.events {
        pace.tick().await;
        let bus = bus.clone();
        publishing.spawn(async move {
            let mut event = OrderCreated::new(number, Job::EndToEnd.note());
            event.at_micros = now_micros();
            bus.publish(&event).await.expect("the broker confirms");
        });
        while publishing.try_join_next().is_some() {}
    }
    tally.all().await;
    let latencies = std::mem::take(&mut *tally.0.latencies.lock().unwrap_or_else(PoisonError::into_inner));
    stopwatch.stop(run.events, latencies);
    app.shutdown().await.expect("nothing is left");
}
