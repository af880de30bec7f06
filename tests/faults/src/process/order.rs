//! The order of each aggregate under every kind of disturbance.

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
        instances.push(Instance::start_on(&publisher.config, &publisher.client, &["ordered"], 0).await);
    }
    // The broker forgets a queue that was declared less than half a second before it is killed.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 0..harness.times() {
        ask(harness, &mut publisher).await;
        let cuts = node.clone();
        blocking(move || {
            cuts.ctl(&["close_all_connections", "closed by a test"])
                .expect("the connections are closed")
        })
        .await;
        publisher.reconnect_client(&node.url()).await;

        ask(harness, &mut publisher).await;
        // This kills the active instance or the waiting one.
        let mut killed = instances.remove(0);
        killed.kill().await;
        instances.push(Instance::start(&publisher.config));

        ask(harness, &mut publisher).await;
        let dies = node.clone();
        blocking(move || {
            dies.kill();
            dies.start_again().expect("the node restarts");
        })
        .await;
        publisher.reconnect_client(&node.url()).await;
    }
    let completed = publisher.completed(Duration::from_mins(2)).await;
    for instance in instances {
        instance.terminate().await;
        instance.wait_for_exit().await;
    }
    let disorder = disorder(publisher.entries(), "ordered");
    let mut row = publisher.row(harness).await;
    row.failed.extend(disorder.into_iter().take(5));
    row.check(completed, || {
        "some events were neither handled nor dead-lettered".to_owned()
    });
    row.check(row.dead_lettered == 0, || "events were dead-lettered".to_owned());
    row
}

/// Publishes tasks of several aggregates and waits until some are done.
async fn ask(harness: &Harness, publisher: &mut TaskPublisher) {
    let before = publisher.finished("ordered");
    let many = harness.pick(10, 60);
    for line in 0..12 {
        let tasks: Vec<Task> = (0..many)
            .map(|at| match (at + line) % 7 {
                0 => Task::FailTimes(1),
                3 => Task::Wait(30),
                _ => Task::Note,
            })
            .collect();
        publisher
            .publish_tasks_of_aggregate(&format!("line-{line}"), &tasks)
            .await;
    }
    until("some are handled", async || {
        publisher.finished("ordered") >= before + many
    })
    .await;
}
