//! lapin as fast as it can be used by hand: a window of unconfirmed publishes, 64 of them polled together, and one ack
//! for 64 deliveries.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use lapin::options::BasicAckOptions;
use lapin::{BasicProperties, Channel, Confirmation, Consumer};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::countdown::Countdown;
use super::job::{Job, QueueContents, Run};
use super::lapin_wire::{
    KEY, QUEUE, acknowledge, confirm_channel, confirmed, connect, decode, encode, encode_as, next,
    publish_order, publish_to, subscribe,
};
use super::{chain, lapin_owner, lapin_tasks, reconnect};
use crate::event::{OrderCreated, now_micros};
use crate::stopwatch::{Stopwatch, micros_since};

const WINDOW: usize = 1024;
/// The number of publishes that are polled together, and of deliveries that one ack covers.
const GROUP: u64 = 64;
const PREFETCH: u16 = 256;

pub(crate) async fn run(job: Job, run: &Run) {
    match job {
        Job::PublishMany | Job::PublishAll | Job::PublishBig => {
            let (_connection, channel) = confirm_channel(&run.url).await;
            let stopwatch = Stopwatch::start();
            let note = job.note();
            let encoded = |number| encode(&OrderCreated::new(number, note));
            let latencies = publish(&channel, run.events, KEY, encoded).await;
            stopwatch.stop(run.events, latencies);
        }
        Job::PublishByOwner => lapin_owner::publish(run).await,
        Job::PublishByTasks | Job::PublishLocked => lapin_tasks::publish(job, run).await,
        Job::PublishInCalls => publish_in_calls(run).await,
        Job::Consume | Job::ConsumeBig => consume(run).await,
        Job::Slow16 => in_tasks(run, 16, Work::Sleep).await,
        Job::Slow => in_tasks(run, 64, Work::Sleep).await,
        Job::Slow256 => in_tasks(run, 256, Work::Sleep).await,
        Job::Slow1024 => in_tasks(run, 1024, Work::Sleep).await,
        Job::Busy => in_tasks(run, 64, Work::Calculate).await,
        Job::Stuck => in_tasks(run, 64, Work::BlockFirst).await,
        Job::Offered => paced(run, 2, Duration::from_millis(5)).await,
        Job::EndToEnd => paced(run, 1, Duration::ZERO).await,
        Job::EndToEndFull => end_to_end_full(run).await,
        Job::Chain => chain::lapin(run).await,
        Job::Reconnect => reconnect::lapin(run).await,
        other => unreachable!("no scenario has lapin-best do {other:?}"),
    }
}

/// Publishes batches of 10,000 events that exist before the call, as `publish_all` takes them. Each batch waits for its
/// last confirm, so the window runs empty between two batches.
async fn publish_in_calls(run: &Run) {
    const CALL: u64 = 10_000;
    let (_connection, channel) = confirm_channel(&run.url).await;
    let stopwatch = Stopwatch::start();
    let mut latencies = Vec::new();
    let mut number = 0;
    while number < run.events {
        let end = (number + CALL).min(run.events);
        let event = |number| OrderCreated::new(number, Job::PublishInCalls.note());
        let events: Vec<OrderCreated> = (number..end).map(event).collect();
        let encoded = |at| encode(&events[usize::try_from(at).unwrap_or_default()]);
        latencies.extend(publish(&channel, end - number, KEY, encoded).await);
        number = end;
    }
    stopwatch.stop(run.events, latencies);
}

/// Publishes the events that a run takes from its queue.
pub(crate) async fn fill(channel: &Channel, events: u64, contents: QueueContents) {
    if contents.types == 1 {
        let encoded = |number| encode(&OrderCreated::new(number % contents.aggregates, contents.note));
        publish(channel, events, KEY, encoded).await;
        return;
    }
    for at in 0..contents.types {
        let key = format!("family.e{at}");
        let encoded = |number| {
            let event = OrderCreated::new(number, contents.note);
            encode_as(&key, event.order_id.to_string(), &event)
        };
        publish(channel, events / contents.types, &key, encoded).await;
    }
}

/// Publishes events, and returns the latency of each confirm in microseconds.
async fn publish(
    channel: &Channel,
    events: u64,
    key: &str,
    encoded: impl Fn(u64) -> (Vec<u8>, BasicProperties),
) -> Vec<u32> {
    let mut window = VecDeque::with_capacity(WINDOW);
    let mut latencies = Vec::with_capacity(usize::try_from(events).unwrap_or_default());
    let mut number = 0;
    while number < events {
        let end = (number + GROUP).min(events);
        let begun = Instant::now();
        let group: Vec<_> = (number..end).map(&encoded).collect();
        let published = group
            .iter()
            .map(|(body, properties)| publish_to(channel, key, body, properties.clone()));
        let published = join_all(published).await.into_iter();
        window.extend(published.map(|confirm| (begun, confirm.expect("a publish is written"))));
        number = end;
        while window.len() + usize::try_from(GROUP).unwrap_or_default() > WINDOW {
            await_group(&mut window, &mut latencies).await;
        }
    }
    while !window.is_empty() {
        await_group(&mut window, &mut latencies).await;
    }
    latencies
}

/// Awaits the confirms of the oldest group.
async fn await_group<C: Future<Output = lapin::Result<Confirmation>>>(
    window: &mut VecDeque<(Instant, C)>,
    latencies: &mut Vec<u32>,
) {
    let count = usize::try_from(GROUP).unwrap_or_default().min(window.len());
    let confirms = window.drain(..count).map(|(begun, confirm)| async move {
        confirmed(Ok(confirm)).await;
        micros_since(begun)
    });
    latencies.extend(join_all(confirms).await);
}

async fn consume(run: &Run) {
    let (_connection, channel) = connect(&run.url).await;
    let stopwatch = Stopwatch::start();
    let deliveries = subscribe(&channel, QUEUE, PREFETCH).await;
    take_groups(deliveries, run.events, false).await;
    stopwatch.stop(run.events, Vec::new());
}

/// Sends one ack for 64 deliveries. With a prefetch of 256 the broker can always send more.
async fn take_groups(mut deliveries: Consumer, events: u64, timed: bool) -> Vec<u32> {
    let mut latencies = Vec::new();
    let mut unacknowledged = 0;
    for number in 1..=events {
        let delivery = next(&mut deliveries).await;
        let event = std::hint::black_box(decode(&delivery.data));
        if timed {
            latencies.push(u32::try_from(now_micros().saturating_sub(event.at_micros)).unwrap_or(u32::MAX));
        }
        unacknowledged += 1;
        if unacknowledged == GROUP || number == events {
            unacknowledged = 0;
            let all = BasicAckOptions { multiple: true };
            delivery.ack(all).await.expect("an ack is written");
        }
    }
    latencies
}

#[derive(Debug, Clone, Copy)]
enum Work {
    Sleep,
    Calculate,
    /// The first delivery waits for all others.
    BlockFirst,
}

impl Work {
    async fn handle(self, order: OrderCreated, countdown: &Countdown) {
        match self {
            Self::Sleep => tokio::time::sleep(Duration::from_millis(5)).await,
            Self::Calculate => super::calculate(),
            Self::BlockFirst if order.is_first() => return countdown.count_last().await,
            Self::BlockFirst => {}
        }
        countdown.count_one();
    }
}

/// Decodes and acknowledges each delivery in its own task, with `concurrency` tasks at a time.
async fn in_tasks(run: &Run, concurrency: usize, work: Work) {
    let (_connection, channel) = connect(&run.url).await;
    let stopwatch = Stopwatch::start();
    let prefetch = u16::try_from(concurrency * 4).unwrap_or(u16::MAX).max(PREFETCH);
    let deliveries = subscribe(&channel, QUEUE, prefetch).await;
    let countdown = Countdown::new(run.events);
    spawn_each(deliveries, run.events, concurrency, move |data| {
        let countdown = countdown.clone();
        async move { work.handle(decode(&data), &countdown).await }
    })
    .await;
    stopwatch.stop(run.events, Vec::new());
}

async fn spawn_each<F: Future<Output = ()> + Send + 'static>(
    mut deliveries: Consumer,
    events: u64,
    concurrency: usize,
    handle: impl Fn(Vec<u8>) -> F,
) {
    let permits = Arc::new(Semaphore::new(concurrency));
    let mut tasks = JoinSet::new();
    for _ in 0..events {
        let permit = Arc::clone(&permits).acquire_owned().await.expect("it stays open");
        let delivery = next(&mut deliveries).await;
        let (data, acker) = (delivery.data, delivery.acker);
        let handled = handle(data);
        tasks.spawn(async move {
            handled.await;
            acknowledge(&acker).await;
            drop(permit);
        });
        while tasks.try_join_next().is_some() {}
    }
    while tasks.join_next().await.is_some() {}
}

/// Takes events in tasks, and returns the latency of each.
async fn timed(deliveries: Consumer, events: u64, work: Duration) -> Vec<u32> {
    let countdown = Countdown::new(events);
    let shared = countdown.clone();
    spawn_each(deliveries, events, 64, move |data| {
        let countdown = shared.clone();
        async move {
            let event = decode(&data);
            tokio::time::sleep(work).await;
            countdown.record_latency(event.at_micros);
            countdown.count_one();
        }
    })
    .await;
    countdown.take_latencies()
}

/// Publishes `per_milli` events every millisecond. Each delivery is acknowledged alone, because no other waits with it.
async fn paced(run: &Run, per_milli: u64, work: Duration) {
    let (_publishing, sender) = confirm_channel(&run.url).await;
    let (_consuming, receiver) = connect(&run.url).await;
    let deliveries = subscribe(&receiver, QUEUE, PREFETCH).await;
    let consumer = if work.is_zero() {
        tokio::spawn(in_a_loop(deliveries, run.events))
    } else {
        tokio::spawn(timed(deliveries, run.events, work))
    };
    let stopwatch = Stopwatch::start();
    let mut pace = tokio::time::interval(Duration::from_millis(1));
    let mut publishing = JoinSet::new();
    for number in 0..run.events {
        if number % per_milli == 0 {
            pace.tick().await;
        }
        let (body, properties) = encoded_with_time(number);
        publishing.spawn(confirmed(publish_order(&sender, &body, properties).await));
        while publishing.try_join_next().is_some() {}
    }
    let latencies = consumer.await.expect("the consumer ends");
    stopwatch.stop(run.events, latencies);
}

fn encoded_with_time(number: u64) -> (Vec<u8>, BasicProperties) {
    let mut event = OrderCreated::new(number, Job::EndToEnd.note());
    event.at_micros = now_micros();
    encode(&event)
}

/// Handles deliveries with the least work: one loop, no tasks.
async fn in_a_loop(mut deliveries: Consumer, events: u64) -> Vec<u32> {
    let mut latencies = Vec::new();
    for _ in 0..events {
        let delivery = next(&mut deliveries).await;
        let event = decode(&delivery.data);
        latencies.push(u32::try_from(now_micros().saturating_sub(event.at_micros)).unwrap_or(u32::MAX));
        acknowledge(&delivery.acker).await;
    }
    latencies
}

/// Publishes in a window, and takes the same events at the same time.
async fn end_to_end_full(run: &Run) {
    let (_publishing, sender) = confirm_channel(&run.url).await;
    let (_consuming, receiver) = connect(&run.url).await;
    let deliveries = subscribe(&receiver, QUEUE, PREFETCH).await;
    let stopwatch = Stopwatch::start();
    let consumer = tokio::spawn(take_groups(deliveries, run.events, true));
    publish(&sender, run.events, KEY, encoded_with_time).await;
    let latencies = consumer.await.expect("the consumer ends");
    stopwatch.stop(run.events, latencies);
}
