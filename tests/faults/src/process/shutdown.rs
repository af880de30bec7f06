//! Services that are told to end while there is much to do.

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

const QUEUE: &str = "asked.patient";
/// How many deliveries it has in its hands.
const WINDOW: u32 = 256;
/// What a process may take beyond what it waits for, on a busy machine.
const SLACK: Duration = Duration::from_secs(8);

pub(super) async fn finishes(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Patient, &["patient"]).await;
    let mut service = Instance::start_on(&publisher.config, &publisher.client, &["patient"], 0).await;
    let mut failed = Vec::new();
    for _ in 0..harness.times() {
        let before = publisher.finished("patient");
        publisher
            .publish_tasks(&vec![Task::Wait(300); harness.pick(600, 10_000)])
            .await;
        until("some are handled", async || {
            publisher.finished("patient") >= before + 100
        })
        .await;
        service.terminate().await;
        let (status, took) = service.end().await;
        if !status.success() || took > SLACK {
            failed.push(format!("the service ended with {status} after {took:?}"));
        }
        service = Instance::start_on(&publisher.config, &publisher.client, &["patient"], 0).await;
    }
    failed.extend(finish(harness, &mut publisher, service).await);
    let mut row = row(harness, publisher, &[]).await;
    row.failed.extend(failed);
    // What was in hand was finished and acknowledged.
    row.check(row.redelivered == 0, || {
        "events that were in hand came again".to_owned()
    });
    row
}

pub(super) async fn too_short(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Patient, &["patient"]).await;
    publisher.config.drain_millis = 500;
    let ended = held(
        harness,
        &mut publisher,
        async |service: Instance, _: &TaskPublisher| {
            service.terminate().await;
            service.end().await
        },
    )
    .await;
    let mut row = row(harness, publisher, &ended).await;
    check_left(&mut row, &ended, SLACK);
    row
}

pub(super) async fn twice(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Patient, &["patient"]).await;
    let ended = held(
        harness,
        &mut publisher,
        async |service: Instance, publisher: &TaskPublisher| {
            service.terminate().await;
            // It has heard: nobody takes from its queue any more.
            until("the service drains", async || {
                publisher.client.consumers(QUEUE).await == Some(0)
            })
            .await;
            service.terminate().await;
            service.end().await
        },
    )
    .await;
    let mut row = row(harness, publisher, &ended).await;
    check_left(&mut row, &ended, SLACK);
    row
}

pub(super) async fn away(harness: &Harness) -> Row {
    let node = harness.node().await;
    let mut publisher = TaskPublisher::of(harness, &node.url(), HandlerSet::Patient, &["patient"]).await;
    publisher.config.drain_millis = 2_000;
    // A queue that was just declared may not outlive its broker's death.
    let first = Instance::start_on(&publisher.config, &publisher.client, &["patient"], 0).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    first.terminate().await;
    first.end().await;
    let ended = held(
        harness,
        &mut publisher,
        async |service: Instance, _: &TaskPublisher| {
            let dies = node.clone();
            blocking(move || dies.kill()).await;
            service.terminate().await;
            let ended = service.end().await;
            let again = node.clone();
            blocking(move || again.start_again().expect("the node starts again")).await;
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

/// How a service ended with its hands full, and what was wrong with how its successor finished.
struct Ended {
    status: ExitStatus,
    took: Duration,
    failed: Vec<String>,
}

/// Ends services with 64 events in hand that are held, and more in the window and in the queue. Each has a successor that
/// finishes them.
async fn held(
    harness: &Harness,
    publisher: &mut TaskPublisher,
    end: impl AsyncFn(Instance, &TaskPublisher) -> (ExitStatus, Duration),
) -> Vec<Ended> {
    let mut ended = Vec::new();
    for _ in 0..harness.times() {
        publisher.hold();
        let service = Instance::start_on(&publisher.config, &publisher.client, &["patient"], 0).await;
        let many = harness.pick(600, 10_000);
        publisher.publish_tasks(&vec![Task::Hold; many as usize]).await;
        until("its hands are full", async || {
            publisher.client.depth(QUEUE).await == Some(many - WINDOW)
        })
        .await;
        let (status, took) = end(service, publisher).await;
        // The broker may have been away.
        publisher.meet_again(&publisher.config.url.clone()).await;
        let successor = Instance::start(&publisher.config);
        ended.push(Ended {
            status,
            took,
            failed: finish(harness, publisher, successor).await,
        });
    }
    ended
}

/// They left something behind, said so, and did not take longer than they may.
fn check_left(row: &mut Row, ended: &[Ended], bound: Duration) {
    for Ended { status, took, .. } in ended {
        row.check(status.code() == Some(UNFINISHED) && *took < bound, || {
            format!("the service ended with {status} after {took:?}")
        });
    }
}

/// Lets a service finish all that there is, and ends it; says what went wrong.
async fn finish(harness: &Harness, publisher: &mut TaskPublisher, service: Instance) -> Vec<String> {
    publisher.release();
    let completed = publisher
        .completed(harness.pick(Duration::from_mins(2), Duration::from_mins(10)))
        .await;
    service.terminate().await;
    let (status, _) = service.end().await;
    let mut failed = Vec::new();
    if !completed {
        failed.push("some events came to no end".to_owned());
    }
    if !status.success() {
        failed.push(format!("the service ended with {status}"));
    }
    failed
}

async fn row(harness: &Harness, publisher: TaskPublisher, ended: &[Ended]) -> Row {
    let mut row = publisher.row(harness).await;
    row.failed
        .extend(ended.iter().flat_map(|ended| ended.failed.clone()));
    row.check(row.dead_lettered == 0, || {
        "healthy events were dead-lettered".to_owned()
    });
    row
}

/// Sends SIGTERM to the process of a handler of a soak, and starts it again.
pub(super) async fn end(target: &mut SoakTarget) {
    let far = target.far();
    far.terminate().await;
    let (status, _) = far.end().await;
    target
        .row
        .check(status.success(), || format!("the service ended with {status}"));
    target.start_far().await;
}
