//! Services that are told to end while there is much to do.

use std::process::ExitStatus;
use std::time::Duration;

use super::asked::Deed;
use super::asking::Asking;
use super::instance::Instance;
use super::service::{Cast, UNFINISHED};
use crate::row::Row;
use crate::soak::Field;
use crate::stage::Stage;
use crate::wait::{blocking, until};

const QUEUE: &str = "asked.patient";
/// How many deliveries it has in its hands.
const WINDOW: u32 = 256;
/// What a process may take beyond what it waits for, on a busy machine.
const SLACK: Duration = Duration::from_secs(8);

pub(super) async fn finishes(stage: &Stage) -> Row {
    let vhost = stage.vhost().await;
    let mut asking = Asking::of(stage, &vhost.url(), Cast::Patient, &["patient"]).await;
    let mut service = Instance::start_on(&asking.job, &asking.stranger, &["patient"], 0).await;
    let mut failed = Vec::new();
    for _ in 0..stage.times() {
        let before = asking.finished("patient");
        asking.ask(&vec![Deed::Wait(300); stage.pick(600, 10_000)]).await;
        until("some are handled", async || {
            asking.finished("patient") >= before + 100
        })
        .await;
        service.terminate().await;
        let (status, took) = service.end().await;
        if !status.success() || took > SLACK {
            failed.push(format!("the service ended with {status} after {took:?}"));
        }
        service = Instance::start_on(&asking.job, &asking.stranger, &["patient"], 0).await;
    }
    failed.extend(finish(stage, &mut asking, service).await);
    let mut row = row(stage, asking, &[]).await;
    row.failed.extend(failed);
    // What was in hand was finished and acknowledged.
    row.check(row.redelivered == 0, || {
        "events that were in hand came again".to_owned()
    });
    row
}

pub(super) async fn too_short(stage: &Stage) -> Row {
    let vhost = stage.vhost().await;
    let mut asking = Asking::of(stage, &vhost.url(), Cast::Patient, &["patient"]).await;
    asking.job.drain_millis = 500;
    let ended = held(stage, &mut asking, async |service: Instance, _: &Asking| {
        service.terminate().await;
        service.end().await
    })
    .await;
    let mut row = row(stage, asking, &ended).await;
    check_left(&mut row, &ended, SLACK);
    row
}

pub(super) async fn twice(stage: &Stage) -> Row {
    let vhost = stage.vhost().await;
    let mut asking = Asking::of(stage, &vhost.url(), Cast::Patient, &["patient"]).await;
    let ended = held(stage, &mut asking, async |service: Instance, asking: &Asking| {
        service.terminate().await;
        // It has heard: nobody takes from its queue any more.
        until("the service drains", async || {
            asking.stranger.consumers(QUEUE).await == Some(0)
        })
        .await;
        service.terminate().await;
        service.end().await
    })
    .await;
    let mut row = row(stage, asking, &ended).await;
    check_left(&mut row, &ended, SLACK);
    row
}

pub(super) async fn away(stage: &Stage) -> Row {
    let node = stage.node().await;
    let mut asking = Asking::of(stage, &node.url(), Cast::Patient, &["patient"]).await;
    asking.job.drain_millis = 2_000;
    // A queue that was just declared may not outlive its broker's death.
    let first = Instance::start_on(&asking.job, &asking.stranger, &["patient"], 0).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    first.terminate().await;
    first.end().await;
    let ended = held(stage, &mut asking, async |service: Instance, _: &Asking| {
        let dies = node.clone();
        blocking(move || dies.kill()).await;
        service.terminate().await;
        let ended = service.end().await;
        let again = node.clone();
        blocking(move || again.start_again().expect("the node starts again")).await;
        ended
    })
    .await;
    let mut row = row(stage, asking, &ended).await;
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
    stage: &Stage,
    asking: &mut Asking,
    end: impl AsyncFn(Instance, &Asking) -> (ExitStatus, Duration),
) -> Vec<Ended> {
    let mut ended = Vec::new();
    for _ in 0..stage.times() {
        asking.hold();
        let service = Instance::start_on(&asking.job, &asking.stranger, &["patient"], 0).await;
        let many = stage.pick(600, 10_000);
        asking.ask(&vec![Deed::Hold; many as usize]).await;
        until("its hands are full", async || {
            asking.stranger.depth(QUEUE).await == Some(many - WINDOW)
        })
        .await;
        let (status, took) = end(service, asking).await;
        // The broker may have been away.
        asking.meet_again(&asking.job.url.clone()).await;
        let successor = Instance::start(&asking.job);
        ended.push(Ended {
            status,
            took,
            failed: finish(stage, asking, successor).await,
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
async fn finish(stage: &Stage, asking: &mut Asking, service: Instance) -> Vec<String> {
    asking.release();
    let settled = asking
        .settled(stage.pick(Duration::from_mins(2), Duration::from_mins(10)))
        .await;
    service.terminate().await;
    let (status, _) = service.end().await;
    let mut failed = Vec::new();
    if !settled {
        failed.push("some events came to no end".to_owned());
    }
    if !status.success() {
        failed.push(format!("the service ended with {status}"));
    }
    failed
}

async fn row(stage: &Stage, asking: Asking, ended: &[Ended]) -> Row {
    let mut row = asking.row(stage).await;
    row.failed
        .extend(ended.iter().flat_map(|ended| ended.failed.clone()));
    row.check(row.dead_lettered == 0, || {
        "healthy events were dead-lettered".to_owned()
    });
    row
}

/// Sends SIGTERM to the process of a handler of a soak, and starts it again.
pub(super) async fn end(field: &mut Field) {
    let far = field.far();
    far.terminate().await;
    let (status, _) = far.end().await;
    field
        .row
        .check(status.success(), || format!("the service ended with {status}"));
    field.start_far().await;
}
