//! lapin by hand from many tasks on one confirm channel: each task publishes, and awaits its own confirm.
//!
//! The first poll of `basic_publish` takes a delivery tag and then queues the frames. Two threads can take tags in one
//! order and queue frames in the other. Then each task gets the confirm of the other, so one task can read an ack for
//! an event that the broker refused. With a lock around the first poll, each task gets its own confirm.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use super::job::{Job, Run};
use super::lapin_wire::{confirm_channel, confirmed, encode, publish_order};
use super::publish_tasks::{TASKS, publish_from};
use crate::event::OrderCreated;
use crate::stopwatch::Stopwatch;

pub(super) async fn publish(job: Job, run: &Run) {
    let (_connection, channel) = confirm_channel(&run.url).await;
    let lock = Arc::new(Mutex::new(()));
    let stopwatch = Stopwatch::start();
    let publish = move |number| {
        let (channel, lock) = (channel.clone(), Arc::clone(&lock));
        async move {
            let (body, properties) = encode(&OrderCreated::new(number, job.note()));
            let publishing = publish_order(&channel, &body, properties);
            let published = match job {
                Job::PublishLocked => with_first_poll_locked(&lock, publishing).await,
                _ => publishing.await,
            };
            confirmed(published).await;
        }
    };
    let latencies = publish_from(TASKS, run.events, publish).await;
    stopwatch.stop(run.events, latencies);
}

async fn with_first_poll_locked<F: Future>(lock: &Mutex<()>, future: F) -> F::Output {
    let mut future = pin!(future);
    let mut is_first = true;
    poll_fn(|context| {
        let guard = std::mem::take(&mut is_first).then(|| lock.lock());
        let polled = future.as_mut().poll(context);
        drop(guard);
        polled
    })
    .await
}
