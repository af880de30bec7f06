//! Services shut down while their handlers run and their queues are long.

use std::process::ExitStatus;
use std::time::Duration;

use super::instance::Instance;
use super::service::{HandlerSet, UNFINISHED};
use super::task::Task;
use super::task_publisher::TaskPublisher;
use crate::harness::Harness;
use crate::row::Row;
use crate::soak::SoakTarget;
use tidings_test_support::wait::{blocking, until};

const QUEUE: &str = "tasks.patient";
/// The prefetch window of the handler.
const WINDOW: u32 = 256;
/// How much longer than its deadline a process may take on a busy machine.
const SLACK: Duration = Duration::from_secs(8);

pub(super) async fn finishes(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Patient, &["patient"]).await;
    let mut service = publisher.start_instance(0).await;
    let mut failed = Vec::new();
    for _ in 0..harness.times() {
        let before = publisher.finished("patient");
        publisher
            .publish_tasks(&vec![Task::Wait(300); harness.pick(600, 10_000)])
            .await;
        until("some events are handled", async || {
            publisher.finished("patient") >= before + 100
        })
        .await;
        let (status, took) = service.stop().await;
        if !status.success() || took > SLACK {
            failed.push(format!("the service ended with {status} after {took:?}"));
        }
        service = publisher.start_instance(0).await;
    }
    failed.extend(finish(harness, &mut publisher, service).await);
    let mut row = row(harness, publisher, &[]).await;
    row.failed.extend(failed);
    // Running events were finished and acked.
    row.check(row.redelivered == 0, || {
        "running events were redelivered".to_owned()
    });
    row
}

pub(super) async fn too_short(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Patient, &["patient"]).await;
    publisher.config.drain_millis = 500;
    let ended = stop_while_busy(
        harness,
        &mut publisher,
        async |service: Instance, _: &TaskPublisher| service.stop().await,
    )
    .await;
    let mut row = row(harness, publisher, &ended).await;
    check_unfinished(&mut row, &ended, SLACK);
    row
}

pub(super) async fn twice(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Patient, &["patient"]).await;
    let ended = stop_while_busy(
        harness,
        &mut publisher,
        async |service: Instance, publisher: &TaskPublisher| {
            service.terminate().await;
            // The queue has no consumer once the shutdown has begun.
            until("the service drains", async || {
                publisher.client.consumers(QUEUE).await == Some(0)
            })
            .await;
            service.terminate().await;
            service.wait_for_exit().await
        },
    )
    .await;
    let mut row = row(harness, publisher, &ended).await;
    check_unfinished(&mut row, &ended, SLACK);
    row
}

pub(super) async fn broker_down(harness: &Harness) -> Row {
    let node = harness.node().await;
    let mut publisher = TaskPublisher::of(harness, &node.url(), HandlerSet::Patient, &["patient"]).await;
    publisher.config.drain_millis = 2_000;
    // The broker forgets a queue that was declared less than half a second before it is killed.
    let first = publisher.start_instance(0).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    first.stop().await;
    let ended = stop_while_busy(
        harness,
        &mut publisher,
        async |service: Instance, _: &TaskPublisher| {
            let killed = node.clone();
            blocking(move || killed.kill()).await;
            let ended = service.stop().await;
            let restarted = node.clone();
            blocking(move || restarted.start_again().expect("the node restarts")).await;
            ended
        },
    )
    .await;
    let mut row = row(harness, publisher, &ended).await;
    for Ended { status, took, .. } in &ended {
        row.check(*took < Duration::from_secs(2) + 2 * SLACK, || {
            format!("the service ended with {status} after {took:?}")
        });
    }
    row
}

/// The end of a service with running events, and the failure of its successor.
struct Ended {
    status: ExitStatus,
    took: Duration,
    failure: Option<String>,
}

/// Stops services with 64 running events, a full prefetch window and a long queue. A successor finishes their events.
async fn stop_while_busy(
    harness: &Harness,
    publisher: &mut TaskPublisher,
    stop: impl AsyncFn(Instance, &TaskPublisher) -> (ExitStatus, Duration),
) -> Vec<Ended> {
    let mut ended = Vec::new();
    for _ in 0..harness.times() {
        publisher.hold();
        let service = publisher.start_instance(0).await;
        let many = harness.pick(600, 10_000);
        publisher.publish_tasks(&vec![Task::Hold; many as usize]).await;
        until("the window is full", async || {
            publisher.client.depth(QUEUE).await == Some(many - WINDOW)
        })
        .await;
        let (status, took) = stop(service, publisher).await;
        // A restart of the broker closes the connection of the client.
        publisher.reconnect_client(&publisher.config.url.clone()).await;
        let successor = Instance::start(&publisher.config);
        ended.push(Ended {
            status,
            took,
            failure: finish(harness, publisher, successor).await,
        });
    }
    ended
}

/// Checks that the services reported unfinished handlers and ended in time.
fn check_unfinished(row: &mut Row, ended: &[Ended], bound: Duration) {
    for Ended { status, took, .. } in ended {
        row.check(status.code() == Some(UNFINISHED) && *took < bound, || {
            format!("the service ended with {status} after {took:?}")
        });
    }
}

/// Releases all events, waits until they are complete and stops the service. Returns the failure of the service.
async fn finish(harness: &Harness, publisher: &mut TaskPublisher, service: Instance) -> Option<String> {
    publisher.release();
    publisher
        .wait_until_complete(harness.pick(Duration::from_mins(2), Duration::from_mins(10)))
        .await;
    let (status, _) = service.stop().await;
    (!status.success()).then(|| format!("the service ended with {status}"))
}

async fn row(harness: &Harness, publisher: TaskPublisher, ended: &[Ended]) -> Row {
    let mut row = publisher.row(harness).await;
    row.failed
        .extend(ended.iter().filter_map(|ended| ended.failure.clone()));
    row.check(row.dead_lettered == 0, || {
        "healthy events were dead-lettered".to_owned()
    });
    row
}

/// Stops and restarts the process of the handler `remote` of a soak.
pub(super) async fn stop_and_restart(target: &mut SoakTarget) {
    let remote = target.take_remote();
    let (status, _) = remote.stop().await;
    target
        .row
        .check(status.success(), || format!("the service ended with {status}"));
    target.start_remote().await;
}
