//! Handlers that misbehave, and the neighbours that are not to notice.

use std::time::{Duration, Instant};

use super::instance::Instance;
use super::service::HandlerSet;
use super::task::Task;
use super::task_publisher::TaskPublisher;
use crate::harness::Harness;
use crate::row::Row;
use crate::soak::SoakTarget;
use crate::soak::service::Behaviour;
use tidings_test_support::wait::until;

/// All that a handler can do wrong within its process.
const MISDEEDS: &[Task] = &[
    Task::Fail,
    Task::Reject,
    Task::Panic,
    Task::PanicWithBomb,
    Task::FailUnspeakably,
    Task::FailWithBomb,
    Task::DropBomb,
    Task::DropBombOfPart,
    Task::DropBombWhenCancelled,
    Task::Never,
    Task::Block(200),
    Task::FailTimes(2),
];

pub(super) async fn misbehaves(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Plain, &["plain"]).await;
    let service = Instance::start_on(&publisher.config, &publisher.client, &["plain"], 0).await;
    let mut completed = true;
    for _ in 0..harness.times() {
        // So many good ones to a bad one that the breaker has no reason to open; and no more bad ones at a time, since
        // those that are tried again are the last to be done, and among themselves.
        for &misdeed in MISDEEDS {
            let mut tasks = vec![Task::Note; harness.pick(30, 80)];
            tasks.push(misdeed);
            publisher.publish_tasks(&tasks).await;
        }
        completed &= publisher.completed(Duration::from_mins(1)).await;
    }
    service.terminate().await;
    let (status, _) = service.end().await;
    let letters = publisher.dead("plain").await.len();
    let mut row = publisher.row(harness).await;
    // No process was killed between a publish and its acknowledgement.
    let dead = row.dead_lettered;
    row.check(letters as u64 == dead, || {
        format!("{letters} dead letters of {dead} events")
    });
    row.check(completed, || "some events came to no end".to_owned());
    row.check(status.success(), || format!("the service ended with {status}"));
    row
}

pub(super) async fn holds(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Patient, &["patient"]).await;
    let service = Instance::start_on(&publisher.config, &publisher.client, &["patient"], 0).await;
    let many = harness.pick(3_000, 20_000);
    let undisturbed = handled(&mut publisher, many, many).await;
    publisher.publish_tasks(&[Task::Hold]).await;
    let held = Instant::now();
    let disturbed = handled(&mut publisher, many, 2 * many).await;
    if let Some(rest) = harness
        .pick(Duration::from_secs(2), Duration::from_mins(1))
        .checked_sub(held.elapsed())
    {
        tokio::time::sleep(rest).await;
    }
    let before = publisher.finished("patient");
    publisher.release();
    let completed = publisher.completed(Duration::from_secs(30)).await;
    service.terminate().await;
    service.end().await;
    let mut row = publisher.row(harness).await;
    row.check(completed, || "the one that was held came to no end".to_owned());
    row.check(before == 2 * many, || {
        format!("{before} events had ended before the one that was held")
    });
    // On a busy machine either may take longer than the other, but not by the minute for which one waits in vain.
    row.check(disturbed < undisturbed * 3 + Duration::from_secs(5), || {
        format!("{many} events took {undisturbed:?}, and {disturbed:?} beside one that was held")
    });
    row.notes.push(format!(
        "{many} events took {:.1} s, and {:.1} s beside one that was held",
        undisturbed.as_secs_f64(),
        disturbed.as_secs_f64()
    ));
    row.check(row.redelivered == 0, || {
        "the subscription was given up".to_owned()
    });
    row
}

/// How long it takes until `many` more are handled, and so `all`.
async fn handled(publisher: &mut TaskPublisher, many: usize, all: usize) -> Duration {
    let started = Instant::now();
    publisher.publish_tasks(&vec![Task::Note; many]).await;
    until(&format!("{all} events are handled"), async || {
        publisher.finished("patient") >= all
    })
    .await;
    started.elapsed()
}

/// How long a handler of a soak misbehaves.
const WHILE: Duration = Duration::from_secs(3);

/// A handler of a soak misbehaves for a while, in one way.
pub(super) async fn misbehave(target: &mut SoakTarget) {
    let behaviour = target.one_of(&[
        Behaviour::Errors,
        Behaviour::Panics,
        Behaviour::Blocks,
        Behaviour::Endless,
    ]);
    has(target, behaviour).await;
}

/// A handler of a soak holds one event for a while.
pub(super) async fn hold(target: &mut SoakTarget) {
    has(target, Behaviour::Holds).await;
}

/// `unruly` is in this behaviour for a while, and misbehaves at least once.
pub(super) async fn has(target: &mut SoakTarget, behaviour: Behaviour) {
    let before = target.behaviours.misdeeds();
    target.behaviours.set(behaviour);
    tokio::time::sleep(WHILE).await;
    until("the handler misbehaves", async || {
        target.behaviours.misdeeds() > before
    })
    .await;
    target.behaviours.set(Behaviour::Well);
}
