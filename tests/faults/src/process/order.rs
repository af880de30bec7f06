//! Retries, closed connections, killed processes and a killed broker must not change the order of an aggregate.

use std::time::Duration;

use super::instance::Instance;
use super::service::HandlerSet;
use super::task::Task;
use super::task_publisher::TaskPublisher;
use crate::handler_log::disorder;
use crate::harness::Harness;
use crate::row::Row;
use tidings_test_support::wait::{blocking, until};

pub(super) async fn disturbed(harness: &Harness) -> Row {
    let node = harness.node().await;
    let mut publisher = TaskPublisher::of(harness, &node.url(), HandlerSet::Ordered, &["ordered"]).await;
    let mut instances = Vec::new();
    for _ in 0..2 {
        instances.push(publisher.start_instance(0).await);
    }
    // The broker forgets a queue that was declared less than half a second before it is killed.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 0..harness.times() {
        publish(harness, &mut publisher).await;
        let closed = node.clone();
        blocking(move || {
            closed
                .ctl(&["close_all_connections", "closed by a test"])
                .expect("the connections are closed")
        })
        .await;
        publisher.reconnect_client(&node.url()).await;

        publish(harness, &mut publisher).await;
        // The killed instance is the active one or the waiting one.
        let mut killed = instances.remove(0);
        killed.kill().await;
        instances.push(Instance::start(&publisher.config));

        publish(harness, &mut publisher).await;
        let restarted = node.clone();
        blocking(move || {
            restarted.kill();
            restarted.start_again().expect("the node restarts");
        })
        .await;
        publisher.reconnect_client(&node.url()).await;
    }
    publisher.wait_until_complete(Duration::from_mins(2)).await;
    for instance in instances {
        instance.stop().await;
    }
    let disorder = disorder(publisher.entries(), "ordered");
    let mut row = publisher.row(harness).await;
    row.failed.extend(disorder.into_iter().take(5));
    row.check(row.dead_lettered == 0, || "events were dead-lettered".to_owned());
    row
}

/// Publishes tasks of several aggregates and waits until some are handled.
async fn publish(harness: &Harness, publisher: &mut TaskPublisher) {
    let before = publisher.finished("ordered");
    let many = harness.pick(10, 60);
    for aggregate in 0..12 {
        let tasks: Vec<Task> = (0..many)
            .map(|at| match (at + aggregate) % 7 {
                0 => Task::FailTimes(1),
                3 => Task::Wait(30),
                _ => Task::Note,
            })
            .collect();
        publisher
            .publish_tasks_of_aggregate(&format!("aggregate-{aggregate}"), &tasks)
            .await;
    }
    until("some events are handled", async || {
        publisher.finished("ordered") >= before + many
    })
    .await;
}
