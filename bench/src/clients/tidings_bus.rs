//! A bus for the benchmark's own queues.

use tidings::{Bus, Declare};
use tokio::task::JoinSet;

use super::job::Job;
use super::publish_tasks::{TASKS, spawn};
use crate::event::{OrderCreated, now_micros};

pub(super) async fn connect(url: &str) -> Bus {
    // The benchmark declares the queues itself, because some of them are classic queues.
    let bus = Bus::builder().service("bench").declare(Declare::Off).connect(url);
    bus.await.expect("the broker accepts the connection")
}

/// Starts 256 tasks that publish `events` events together, each with the time of its publish.
pub(super) fn publish_with_time(bus: &Bus, events: u64) -> JoinSet<Vec<()>> {
    let bus = bus.clone();
    spawn(TASKS, events, move |number| {
        publish_one_with_time(bus.clone(), number)
    })
}

pub(super) async fn publish_one_with_time(bus: Bus, number: u64) {
    let mut event = OrderCreated::new(number, Job::EndToEnd.note());
    event.at_micros = now_micros();
    bus.publish(&event).await.expect("the broker confirms");
}
