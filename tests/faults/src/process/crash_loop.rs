//! Events that abort the process of their handler, among events that do not.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::instance::Instance;
use super::service::HandlerSet;
use super::task::Task;
use super::task_publisher::TaskPublisher;
use crate::harness::Harness;
use crate::row::Row;
use tidings_test_support::wait::POLL_INTERVAL;

/// The number of events, which is the size of the prefetch window.
const WINDOW: usize = 256;

/// Publishes `crashing_events` events that abort their process. Restarts the instances until every event is complete.
pub(super) async fn run(harness: &Harness, crashing_events: usize, instances: usize) -> Row {
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Plain, &["plain"]).await;
    // Longer delays than those of the other faults, so that a suspect waits longer than an instance needs to start.
    publisher.config.speed_up = 4;
    // Declares the queue before the events are published.
    let first = publisher.start_instance(0).await;
    first.stop().await;
    let mut tasks = vec![Task::Wait(20); WINDOW];
    for crashing_event in 0..crashing_events {
        tasks[WINDOW * (2 * crashing_event + 1) / (2 * crashing_events)] = Task::Abort;
    }
    publisher.publish_tasks(&tasks).await;

    let started = Instant::now();
    let mut running: Vec<Instance> = (0..instances)
        .map(|_| Instance::start(&publisher.config))
        .collect();
    let mut restarts = 0;
    while !publisher.is_complete().await && started.elapsed() < Duration::from_mins(4) {
        for instance in &mut running {
            if instance.exit_status().is_some() {
                restarts += 1;
                *instance = Instance::start(&publisher.config);
            }
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    println!("{restarts} restarts in {:.1?}", started.elapsed());
    for mut instance in running {
        instance.kill().await;
    }
    // A process that aborts while it sets an event aside can duplicate the event, and so its dead letter.
    let letters: BTreeSet<u64> = publisher
        .dead("plain")
        .await
        .iter()
        .map(|letter| letter.number)
        .collect();
    let mut row = publisher.row(harness).await;
    row.check(letters.len() == crashing_events, || {
        format!(
            "{} events are dead letters, of {crashing_events} that abort the process",
            letters.len()
        )
    });
    row
}
