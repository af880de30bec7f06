//! lapin as well as it can be used by hand: a window of unconfirmed publishes, 64 polled together; acks by 64.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::countdown::Tally;
use super::lapin_wire::{
    KEY, QUEUE, confirm_channel, confirmed, connect, decode, encode, encode_as, hand_over, hand_over_to,
};
use super::publish_tasks::publish_from;
use super::{Fill, Job, chain, lapin_owner, reconnect};
use crate::event::{OrderCreated, now_micros};
use crate::stopwatch::{Stopwatch, micros_since};
use crate::worker::Run;

const WINDOW: usize = 1024;
const TOGETHER: u64 = 64;
pub(super) const TASKS: u64 = 256;
const PREFETCH: u16 = 256;

pub(crate) async fn run(job: Job, run: &Run) {
    match job {
        Job::PublishOne | Job::PublishMany | Job::PublishAll | Job::PublishBig => {
            let (_connection, channel) = confirm_channel(&run.url).await;
            let stopwatch = Stopwatch::start();
            let note = job.note();
            let made = |number| encode(&OrderCreated::new(number, note));
            let latencies = publish(&channel, run.events, KEY, made).await;
            stopwatch.stop(run.events, latencies);
        }
        Job::PublishFromTasks => publish_from_tasks(run).await,
        Job::PublishByOwner => lapin_owner::publish(run).await,
        Job::PublishInCalls => publish_in_calls(run).await,
        Job::Consume | Job::ConsumeBig => consume(run).await,
        Job::Slow16 => side_by_side(run, 16, Work::Wait).await,
        Job::Slow => side_by_side(run, 64, Work::Wait).await,
        Job::Slow256 => side_by_side(run, 256, Work::Wait).await,
        Job::Slow1024 => side_by_side(run, 1024, Work::Wait).await,
        Job::Busy => side_by_side(run, 64, Work::Burn).await,
        Job::Stuck => side_by_side(run, 64, Work::Stick).await,
        Job::Offered => paced(run, 2, Duration::from_millis(5)).await,
        Job::EndToEnd => paced(run, 1, Duration::ZERO).await,
        Job::EndToEndFull => end_to_end_full(run).await,
        Job::Chain => chain::lapin(run).await,
        Job::Reconnect => reconnect::lapin(run).await,
        other => unreachable!("no scenario asks for {other:?}"),
    }
}

/// Publishes from 256 tasks on one channel, each of which awaits its confirm: what a service does that has lapin and many
/// requests. The library may then give one task the answer of another.
async fn publish_from_tasks(run: &Run) {
    let (_connection, channel) = confirm_channel(&run.url).await;
    let stopwatch = Stopwatch::start();
    let publish = move |number| {
        let channel = channel.clone();
        async move {
            let (body, properties) = encode(&OrderCreated::new(number, Job::PublishFromTasks.note()));
            confirmed(hand_over_to(&channel, KEY, &body, properties).await).await;
        }
    };
    let latencies = publish_from(TASKS, run.events, publish).await;
    stopwatch.stop(run.events, latencies);
}

/// Publishes ten thousand a call, all of which are there before it: no call has the confirms of another to wait for
/// meanwhile.
async fn publish_in_calls(run: &Run) {
    const AT_ONCE: u64 = 10_000;
    let (_connection, channel) = confirm_channel(&run.url).await;
    let stopwatch = Stopwatch::start();
    let mut latencies = Vec::new();
    let mut number = 0;
    while number < run.events {
        let end = (number + AT_ONCE).min(run.events);
        let made = |number| OrderCreated::new(number, Job::PublishInCalls.note());
        let events: Vec<OrderCreated> = (number..end).map(made).collect();
        let encoded = |at| encode(&events[usize::try_from(at).unwrap_or_default()]);
        latencies.extend(publish(&channel, end - number, KEY, encoded).await);
        number = end;
    }
    stopwatch.stop(run.events, latencies);
}

/// What a queue is to hold.
pub(crate) async fn fill(channel: &Channel, events: u64, fill: Fill) {
    if fill.types == 1 {
        let made = |number| encode(&OrderCreated::new(number % fill.aggregates, fill.note));
        publish(channel, events, KEY, made).await;
        return;
    }
    for at in 0..fill.types {
        let key = format!("family.e{at}");
        let made = |number| {
            let event = OrderCreated::new(number, fill.note);
            encode_as(&key, event.order_id.to_string(), &event)
        };
        publish(channel, events / fill.types, &key, made).await;
    }
}

/// Publishes so many events, and gives how long each confirm took in microseconds.
async fn publish(
    channel: &Channel,
    events: u64,
    key: &str,
    made: impl Fn(u64) -> (Vec<u8>, BasicProperties),
) -> Vec<u32> {
    let mut window = VecDeque::with_capacity(WINDOW);
    let mut latencies = Vec::with_capacity(usize::try_from(events).unwrap_or_default());
    let mut number = 0;
    while number < events {
        let end = (number + TOGETHER).min(events);
        let begun = Instant::now();
        let encoded: Vec<_> = (number..end).map(&made).collect();
        let handed = encoded
            .iter()
            .map(|(body, properties)| hand_over_to(channel, key, body, properties.clone()));
        let handed = join_all(handed).await.into_iter();
        window.extend(handed.map(|confirm| (begun, confirm.expect("a publish is written"))));
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
        confirmed(Ok(confirm)).await;
        micros_since(begun)
    });
    latencies.extend(join_all(settled).await);
}

async fn consume(run: &Run) {
    let (_connection, channel) = connect(&run.url).await;
    let stopwatch = Stopwatch::start();
    let deliveries = subscribe(&channel).await;
    take_by_64(deliveries, run.events, false).await;
    stopwatch.stop(run.events, Vec::new());
}

/// One ack for 64. With a prefetch of 256 the broker always has room for more.
async fn take_by_64(mut deliveries: lapin::Consumer, events: u64, timed: bool) -> Vec<u32> {
    let mut latencies = Vec::new();
    let mut unacknowledged = 0;
    for number in 1..=events {
        let delivery = deliveries.next().await.expect("a delivery comes").expect("whole");
        let event = std::hint::black_box(decode(&delivery.data));
        if timed {
            latencies.push(u32::try_from(now_micros().saturating_sub(event.at_micros)).unwrap_or(u32::MAX));
        }
        unacknowledged += 1;
        if unacknowledged == TOGETHER || number == events {
            unacknowledged = 0;
            let all = BasicAckOptions { multiple: true };
            delivery.ack(all).await.expect("an ack is written");
        }
    }
    latencies
}

/// What is done with a delivery.
#[derive(Debug, Clone, Copy)]
enum Work {
    Wait,
    Burn,
    /// The first waits for all others.
    Stick,
}

impl Work {
    async fn on(self, order: OrderCreated, tally: &Tally) {
        match self {
            Self::Wait => tokio::time::sleep(Duration::from_millis(5)).await,
            Self::Burn => super::burn(),
            Self::Stick if order.is_first() => return tally.last().await,
            Self::Stick => {}
        }
        tally.one();
    }
}

/// So many side by side, each decoded and acknowledged in a task of its own.
async fn side_by_side(run: &Run, count: usize, work: Work) {
    let (_connection, channel) = connect(&run.url).await;
    let stopwatch = Stopwatch::start();
    let prefetch = u16::try_from(count * 4).unwrap_or(u16::MAX).max(PREFETCH);
    let deliveries = subscribe_with(&channel, prefetch).await;
    let tally = Tally::new(run.events);
    spread(deliveries, run.events, count, move |data| {
        let tally = tally.clone();
        async move { work.on(decode(&data), &tally).await }
    })
    .await;
    stopwatch.stop(run.events, Vec::new());
}

async fn spread<F: Future<Output = ()> + Send + 'static>(
    mut deliveries: lapin::Consumer,
    events: u64,
    count: usize,
    work: impl Fn(Vec<u8>) -> F,
) {
    let places = Arc::new(Semaphore::new(count));
    let mut tasks = JoinSet::new();
    for _ in 0..events {
        let place = Arc::clone(&places).acquire_owned().await.expect("it stays open");
        let delivery = deliveries.next().await.expect("a delivery comes").expect("whole");
        let (data, acker) = (delivery.data, delivery.acker);
        let worked = work(data);
        tasks.spawn(async move {
            worked.await;
            acker
                .ack(BasicAckOptions::default())
                .await
                .expect("an ack is written");
            drop(place);
        });
        while tasks.try_join_next().is_some() {}
    }
    while tasks.join_next().await.is_some() {}
}

async fn subscribe(channel: &Channel) -> lapin::Consumer {
    subscribe_with(channel, PREFETCH).await
}

async fn subscribe_with(channel: &Channel, prefetch: u16) -> lapin::Consumer {
    channel
        .basic_qos(prefetch, BasicQosOptions::default())
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

/// Takes so many events, and notes how long each was on its way.
fn timed(channel: &Channel, events: u64, wait: Duration) -> impl Future<Output = Vec<u32>> + Send + use<> {
    let channel = channel.clone();
    async move {
        let deliveries = subscribe(&channel).await;
        let tally = Tally::new(events);
        let noted = tally.clone();
        spread(deliveries, events, 64, move |data| {
            let tally = noted.clone();
            async move {
                let event = decode(&data);
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
                tally.since(event.at_micros);
                tally.one();
            }
        })
        .await;
        tally.take_latencies()
    }
}

/// So many events every millisecond; each is acknowledged at once, since nothing waits behind it.
async fn paced(run: &Run, each: u64, wait: Duration) {
    let (_publishing, sender) = confirm_channel(&run.url).await;
    let (_consuming, receiver) = connect(&run.url).await;
    let consumer = if wait.is_zero() {
        tokio::spawn(at_once(subscribe(&receiver).await, run.events))
    } else {
        tokio::spawn(timed(&receiver, run.events, wait))
    };
    let stopwatch = Stopwatch::start();
    let mut pace = tokio::time::interval(Duration::from_millis(1));
    let mut publishing = JoinSet::new();
    for number in 0..run.events {
        if number % each == 0 {
            pace.tick().await;
        }
        let mut event = OrderCreated::new(number, Job::EndToEnd.note());
        event.at_micros = now_micros();
        let (body, properties) = encode(&event);
        publishing.spawn(confirmed(hand_over(&sender, &body, properties).await));
        while publishing.try_join_next().is_some() {}
    }
    let latencies = consumer.await.expect("the consumer ends");
    stopwatch.stop(run.events, latencies);
}

/// The least between a delivery and what is done with it: nothing side by side, no task.
async fn at_once(mut deliveries: lapin::Consumer, events: u64) -> Vec<u32> {
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
}

/// Publishes in windows what is taken and acknowledged by 64 meanwhile.
async fn end_to_end_full(run: &Run) {
    let (_publishing, sender) = confirm_channel(&run.url).await;
    let (_consuming, receiver) = connect(&run.url).await;
    let deliveries = subscribe(&receiver).await;
    let stopwatch = Stopwatch::start();
    let consumer = tokio::spawn(take_by_64(deliveries, run.events, true));
    let made = |number| {
        let mut event = OrderCreated::new(number, Job::EndToEnd.note());
        event.at_micros = now_micros();
        encode(&event)
    };
    publish(&sender, run.events, KEY, made).await;
    let latencies = consumer.await.expect("the consumer ends");
    stopwatch.stop(run.events, latencies);
}
