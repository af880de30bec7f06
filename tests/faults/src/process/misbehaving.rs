//! An event that makes its handler misbehave must not affect other events.

use std::time::{Duration, Instant};

use super::service::HandlerSet;
use super::task::Task;
use super::task_publisher::TaskPublisher;
use crate::harness::Harness;
use crate::row::Row;
use crate::soak::SoakTarget;
use crate::soak::service::Behaviour;
use tidings_test_support::wait::until;

/// The tasks that do something wrong without ending the process.
const MISBEHAVIOURS: &[Task] = &[
    Task::Fail,
    Task::Reject,
    Task::Panic,
    Task::PanicWithBomb,
    Task::FailWithPanickingDisplay,
    Task::FailWithBomb,
    Task::DropBomb,
    Task::DropBombInArgument,
    Task::DropBombWhenCancelled,
    Task::Never,
    Task::Block(200),
    Task::FailTimes(2),
];

pub(super) async fn misbehaves(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Plain, &["plain"]).await;
    let service = publisher.start_instance(0).await;
    for _ in 0..harness.times() {
        // Each bad event is among enough good ones, so that the breaker stays closed. Each kind has its own good
        // events, because retries arrive last, with no good events between them.
        for &misbehaviour in MISBEHAVIOURS {
            let mut tasks = vec![Task::Note; harness.pick(30, 80)];
            tasks.push(misbehaviour);
            publisher.publish_tasks(&tasks).await;
        }
        publisher.wait_until_complete(Duration::from_mins(1)).await;
    }
    let (status, _) = service.stop().await;
    let letters = publisher.dead("plain").await.len();
    let mut row = publisher.row(harness).await;
    // No process was killed between a publish and its ack, so no dead letter is duplicated.
    let dead = row.dead_lettered;
    row.check(letters as u64 == dead, || {
        format!("{letters} dead letters of {dead} events")
    });
    row.check(status.success(), || format!("the service ended with {status}"));
    row
}

pub(super) async fn holds(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Patient, &["patient"]).await;
    let service = publisher.start_instance(0).await;
    let many = harness.pick(3_000, 20_000);
    let undisturbed = handled(&mut publisher, many, many).await;
    publisher.publish_tasks(&[Task::Hold]).await;
    let held_since = Instant::now();
    let disturbed = handled(&mut publisher, many, 2 * many).await;
    if let Some(rest) = harness
        .pick(Duration::from_secs(2), Duration::from_mins(1))
        .checked_sub(held_since.elapsed())
    {
        tokio::time::sleep(rest).await;
    }
    let before = publisher.finished("patient");
    publisher.release();
    publisher.wait_until_complete(Duration::from_secs(30)).await;
    service.stop().await;
    let mut row = publisher.row(harness).await;
    row.check(before == 2 * many, || {
        format!("{before} events were finished before the held event")
    });
    // A busy machine may slow down both measurements, but not by the minute for which one event is held.
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

/// Publishes `many` events and returns how long it takes until `all` events are handled.
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

/// Makes a handler of a soak misbehave in a random way.
pub(super) async fn misbehave(target: &mut SoakTarget) {
    let behaviour = target.one_of(&[
        Behaviour::Errors,
        Behaviour::Panics,
        Behaviour::Blocks,
        Behaviour::TimesOut,
    ]);
    misbehave_as(target, behaviour).await;
}

/// Makes a handler of a soak keep one event.
pub(super) async fn hold(target: &mut SoakTarget) {
    misbehave_as(target, Behaviour::Holds).await;
}

/// Sets the behaviour of a handler of a soak for a while, and until it had an effect.
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
