//! Bodies that end the process of whoever handles them, among neighbours that do not.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::instance::Instance;
use super::service::HandlerSet;
use super::task::Task;
use super::task_publisher::TaskPublisher;
use crate::harness::Harness;
use crate::row::Row;
use tidings_test_support::wait::POLL_INTERVAL;

/// How many deliveries a window has.
const WINDOW: usize = 256;

/// Instances take what `killers` end them with, and are started again each time, until all is completed.
pub(super) async fn ended(harness: &Harness, killers: usize, instances: usize) -> Row {
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Plain, &["plain"]).await;
    // As long as they are: instances that let go of suspects have taken care before those come back.
    publisher.config.speed_up = 1;
    // Its queue is there before anyone asks.
    let first = Instance::start_on(&publisher.config, &publisher.client, &["plain"], 0).await;
    first.terminate().await;
    first.end().await;
    let mut tasks = vec![Task::Wait(20); WINDOW];
    for killer in 0..killers {
        tasks[WINDOW * (2 * killer + 1) / (2 * killers)] = Task::Abort;
    }
    publisher.publish_tasks(&tasks).await;

    let started = Instant::now();
    let mut running: Vec<Instance> = (0..instances)
        .map(|_| Instance::start(&publisher.config))
        .collect();
    let mut deaths = 0;
    while !publisher.is_complete().await && started.elapsed() < Duration::from_mins(2) {
        for instance in &mut running {
            if instance.ended().is_some() {
                deaths += 1;
                *instance = Instance::start(&publisher.config);
            }
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    println!("{deaths} deaths in {:.1?}", started.elapsed());
    for mut instance in running {
        instance.kill().await;
    }
    // One that was being set aside when its process ended may be there twice.
    let letters: BTreeSet<u64> = publisher
        .dead("plain")
        .await
        .iter()
        .map(|one| one.number)
        .collect();
    let mut row = publisher.row(harness).await;
    row.check(letters.len() == killers, || {
        format!(
            "{} events are dead letters, of {killers} that end a process",
            letters.len()
        )
    });
    row
}
