//! Handlers that misbehave must not affect their neighbours.

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

/// Everything that a handler can do wrong without ending its process.
const MISBEHAVIOURS: &[Task] = &[
    Task::Fail,
    Task::Reject,
    Task::Panic,
    Task::PanicWithBomb,
    Task::FailWithPanickingDisplay,
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
        // Enough good events for each bad one, so that the breaker stays closed. One kind at a time, because retries come last
        // and would be alone.
        for &misbehaviour in MISBEHAVIOURS {
            let mut tasks = vec![Task::Note; harness.pick(30, 80)];
            tasks.push(misbehaviour);
            publisher.publish_tasks(&tasks).await;
        }
        completed &= publisher.completed(Duration::from_mins(1)).await;
    }
    service.terminate().await;
    let (status, _) = service.wait_for_exit().await;
    let letters = publisher.dead("plain").await.len();
    let mut row = publisher.row(harness).await;
    // No process was killed between a publish and its ack, so no dead letter is duplicated.
    let dead = row.dead_lettered;
    row.check(letters as u64 == dead, || {
        format!("{letters} dead letters of {dead} events")
    });
    row.check(completed, || {
        "some events were neither handled nor dead-lettered".to_owned()
    });
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
    service.wait_for_exit().await;
    let mut row = publisher.row(harness).await;
    row.check(completed, || {
        "the held event was neither handled nor dead-lettered".to_owned()
    });
    row.check(before == 2 * many, || {
        format!("{before} events ended before the held one")
    });
    // On a busy machine either may be slower, but not by the minute that one event is held.
    row.check(disturbed < undisturbed * 3 + Duration::from_secs(5), || {
        format!("{many} events took {undisturbed:?}, and {disturbed:?} beside a held event")
    });
    row.notes.push(format!(
        "{many} events took {:.1} s, and {:.1} s beside a held event",
        undisturbed.as_secs_f64(),
        disturbed.as_secs_f64()
    ));
    row.check(row.redelivered == 0, || "events were redelivered".to_owned());
    row
}

/// Returns how long it takes until `many` more events are handled, which makes `all`.
async fn handled(publisher: &mut TaskPublisher, many: usize, all: usize) -> Duration {
    let started = Instant::now();
    publisher.publish_tasks(&vec![Task::Note; many]).await;
    until(&format!("{all} events are handled"), async || {
        publisher.finished("patient") >= all
    })
    .await;
    started.elapsed()
}

const DURATION: Duration = Duration::from_secs(3);

/// A handler of a soak misbehaves in one way.
pub(super) async fn misbehave(target: &mut SoakTarget) {
    let behaviour = target.one_of(&[
        Behaviour::Errors,
        Behaviour::Panics,
        Behaviour::Blocks,
        Behaviour::Endless,
    ]);
    misbehave_as(target, behaviour).await;
}

/// A handler of a soak keeps one event.
pub(super) async fn hold(target: &mut SoakTarget) {
    misbehave_as(target, Behaviour::Holds).await;
}

/// Sets the behaviour of a handler of a soak for a while, until it had an effect.
pub(super) async fn misbehave_as(target: &mut SoakTarget, behaviour: Behaviour) {
    let before = target.behaviours.misbehaviours();
    target.behaviours.set(behaviour);
    tokio::time::sleep(DURATION).await;
    until("the handler misbehaves", async || {
        target.behaviours.misbehaviours() > before
    })
    .await;
    target.behaviours.set(Behaviour::Normal);
}
