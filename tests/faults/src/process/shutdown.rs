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
    let mut row = settle(stage, asking, service).await;
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
    let service = Instance::start_on(&asking.job, &asking.stranger, &["patient"], 0).await;
    let mut row = settle(stage, asking, service).await;
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
    let service = Instance::start_on(&asking.job, &asking.stranger, &["patient"], 0).await;
    let mut row = settle(stage, asking, service).await;
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
    let mut row = Row::default();
    for (status, took) in &ended {
        row.check(*took < Duration::from_secs(2) + 2 * SLACK, || {
            format!("the service ended with {status} after {took:?}")
        });
    }
    asking.meet_again(&node.url()).await;
    let service = Instance::start_on(&asking.job, &asking.stranger, &["patient"], 0).await;
    let mut settled = settle(stage, asking, service).await;
    settled.failed.extend(row.failed);
    settled
}

/// Ends services with 64 events in hand that are held, and more in the window and in the queue.
async fn held(
    stage: &Stage,
    asking: &mut Asking,
    end: impl AsyncFn(Instance, &Asking) -> (ExitStatus, Duration),
) -> Vec<(ExitStatus, Duration)> {
    let mut ended = Vec::new();
    for time in 0..stage.times() {
        if time > 0 {
            asking.meet_again(&asking.job.url.clone()).await;
        }
        let service = Instance::start_on(&asking.job, &asking.stranger, &["patient"], 0).await;
        let before = asking.stranger.depth(QUEUE).await.unwrap_or(0);
        let many = stage.pick(600, 10_000);
        asking.ask(&vec![Deed::Hold; many as usize]).await;
        until("its hands are full", async || {
            asking.stranger.depth(QUEUE).await == Some(before + many - WINDOW)
        })
        .await;
        ended.push(end(service, asking).await);
    }
    ended
}

/// They left something behind, said so, and did not take longer than they may.
fn check_left(row: &mut Row, ended: &[(ExitStatus, Duration)], bound: Duration) {
    for (status, took) in ended {
        row.check(status.code() == Some(UNFINISHED) && *took < bound, || {
            format!("the service ended with {status} after {took:?}")
        });
    }
}

async fn settle(stage: &Stage, mut asking: Asking, service: Instance) -> Row {
    asking.release();
    let settled = asking
        .settled(stage.pick(Duration::from_mins(2), Duration::from_mins(10)))
        .await;
    service.terminate().await;
    let (status, _) = service.end().await;
    let mut row = asking.row(stage).await;
    row.check(settled, || "some events came to no end".to_owned());
    row.check(status.success(), || format!("the service ended with {status}"));
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
