//! Instances are replaced while events arrive.

use std::time::Duration;

use super::instance::Instance;
use super::service::{HandlerSet, ServiceConfig};
use super::task::Task;
use super::task_publisher::TaskPublisher;
use super::versions::{new, old};
use crate::handler_log::disorder;
use crate::harness::Harness;
use crate::row::Row;
use tidings_test_support::wait::until;

pub(super) async fn deployed(harness: &Harness) -> Row {
    let mut all = harness.row_of(0);
    for _ in 0..harness.times() {
        let vhost = harness.vhost().await;
        all.add(&once(harness, &vhost.url()).await);
    }
    // Each run counts all injections.
    all.times = harness.times();
    all
}

async fn once(harness: &Harness, url: &str) -> Row {
    let mut publisher = TaskPublisher::of(harness, url, HandlerSet::Old, &["deployed"]).await;
    // Real retry delays, because events that only the new instances know must wait for these instances.
    publisher.config.speed_up = 1;
    let next = ServiceConfig {
        handler_set: HandlerSet::New,
        ..publisher.config.clone()
    };
    let first = publisher.start_instance(0).await;
    let second = publisher.start_instance(1).await;
    let many = harness.pick(200, 2_000);
    publish(&mut publisher, many, |number| old::Deployed { number }).await;

    let third = Instance::start_on(&next, &publisher.client, &["deployed"], 2).await;
    until("the new handler consumes its queue", async || {
        publisher.client.consumers("tasks.added").await == Some(1)
    })
    .await;
    let from = publish(&mut publisher, many, |number| old::Deployed { number }).await;
    publish(&mut publisher, many, |number| new::Deployed {
        number,
        place: "here".to_owned(),
    })
    .await;
    let to = publish(&mut publisher, many, |number| new::Withdrawn { number }).await + many as u64;
    first.stop().await;
    let fourth = Instance::start_on(&next, &publisher.client, &["deployed"], 2).await;
    second.stop().await;

    publisher.wait_until_complete(Duration::from_mins(1)).await;
    let added = usize::try_from(to - from).unwrap_or(usize::MAX);
    until("the new handler has finished its events", async || {
        publisher.finished("added") >= added
    })
    .await;
    for service in [third, fourth] {
        service.stop().await;
    }
    let mut row = publisher.row(harness).await;
    row.check(row.dead_lettered == 0, || "events were dead-lettered".to_owned());
    row
}

/// Publishes events of one version. Returns the number of the first event.
async fn publish<T: tidings::Payload>(
    publisher: &mut TaskPublisher,
    many: usize,
    event: impl Fn(u64) -> T,
) -> u64 {
    let numbers: Vec<u64> = (0..many).map(|_| publisher.new_event(Task::Note)).collect();
    let events: Vec<T> = numbers.iter().map(|&number| event(number)).collect();
    publisher.publish_as(&numbers, &events).await;
    numbers.first().copied().unwrap_or_default()
}

pub(super) async fn ordered(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Ordered, &["ordered"]).await;
    publisher.config.speed_up = 1;
    let mut instances = Vec::new();
    for _ in 0..6 {
        instances.push(publisher.start_instance(0).await);
    }
    // The dependency is down: the first event of each aggregate is retried in place, and the other events wait.
    publisher.set_dependency_down(true);
    for aggregate in ["a", "b", "c"] {
        publisher
            .publish_tasks_of_aggregate(aggregate, &[Task::FailWhileDown; 4])
            .await;
    }
    for _ in 0..harness.times() {
        // The active instance has received all deliveries. It stops first.
        for instance in std::mem::take(&mut instances) {
            until("an instance has received all events", async || {
                publisher.client.depth("tasks.ordered").await == Some(0)
            })
            .await;
            instance.stop().await;
            instances.push(publisher.start_instance(0).await);
        }
    }
    publisher.set_dependency_down(false);
    publisher.wait_until_complete(Duration::from_mins(1)).await;
    for instance in instances {
        instance.stop().await;
    }
    let disorder = disorder(publisher.entries(), "ordered");
    let mut row = publisher.row(harness).await;
    row.failed.extend(disorder);
    row.check(row.dead_lettered == 0, || "events were dead-lettered".to_owned());
    row
}
