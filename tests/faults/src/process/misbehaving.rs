//! Handlers that misbehave, and the neighbours that are not to notice.

use std::time::{Duration, Instant};

use super::asked::Deed;
use super::asking::Asking;
use super::instance::Instance;
use super::service::Cast;
use crate::row::Row;
use crate::soak::Field;
use crate::soak::service::Mood;
use crate::stage::Stage;
use crate::wait::until;

/// All that a handler can do wrong within its process.
const MISDEEDS: &[Deed] = &[
    Deed::Fail,
    Deed::Reject,
    Deed::Panic,
    Deed::PanicWithBomb,
    Deed::FailUnspeakably,
    Deed::FailWithBomb,
    Deed::DropBomb,
    Deed::DropBombOfPart,
    Deed::DropBombWhenCancelled,
    Deed::Never,
    Deed::Block(200),
    Deed::FailTimes(2),
];

pub(super) async fn misbehaves(stage: &Stage) -> Row {
    let vhost = stage.vhost().await;
    let mut asking = Asking::of(stage, &vhost.url(), Cast::Plain, &["plain"]).await;
    let service = Instance::start_on(&asking.job, &asking.stranger, &["plain"], 0).await;
    let mut settled = true;
    for _ in 0..stage.times() {
        // So many good ones to a bad one that the breaker has no reason to open; and no more bad ones at a time, since
        // those that are tried again are the last to be done, and among themselves.
        for &misdeed in MISDEEDS {
            let mut deeds = vec![Deed::Note; stage.pick(30, 80)];
            deeds.push(misdeed);
            asking.ask(&deeds).await;
        }
        settled &= asking.settled(Duration::from_mins(1)).await;
    }
    service.terminate().await;
    let (status, _) = service.end().await;
    let letters = asking.dead("plain").await.len();
    let mut row = asking.row(stage).await;
    // No process was killed between a publish and its acknowledgement.
    let dead = row.dead_lettered;
    row.check(letters as u64 == dead, || {
        format!("{letters} dead letters of {dead} events")
    });
    row.check(settled, || "some events came to no end".to_owned());
    row.check(status.success(), || format!("the service ended with {status}"));
    row
}

pub(super) async fn holds(stage: &Stage) -> Row {
    let vhost = stage.vhost().await;
    let mut asking = Asking::of(stage, &vhost.url(), Cast::Patient, &["patient"]).await;
    let service = Instance::start_on(&asking.job, &asking.stranger, &["patient"], 0).await;
    let many = stage.pick(3_000, 20_000);
    let undisturbed = handled(&mut asking, many, many).await;
    asking.ask(&[Deed::Hold]).await;
    let held = Instant::now();
    let disturbed = handled(&mut asking, many, 2 * many).await;
    if let Some(rest) = stage
        .pick(Duration::from_secs(2), Duration::from_mins(1))
        .checked_sub(held.elapsed())
    {
        tokio::time::sleep(rest).await;
    }
    let before = asking.finished("patient");
    asking.release();
    let settled = asking.settled(Duration::from_secs(30)).await;
    service.terminate().await;
    service.end().await;
    let mut row = asking.row(stage).await;
    row.check(settled, || "the one that was held came to no end".to_owned());
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
async fn handled(asking: &mut Asking, many: usize, all: usize) -> Duration {
    let started = Instant::now();
    asking.ask(&vec![Deed::Note; many]).await;
    until(&format!("{all} events are handled"), async || {
        asking.finished("patient") >= all
    })
    .await;
    started.elapsed()
}

/// How long a handler of a soak misbehaves.
const WHILE: Duration = Duration::from_secs(3);

/// A handler of a soak misbehaves for a while, in one way.
pub(super) async fn misbehave(field: &mut Field) {
    let mood = field.one_of(&[Mood::Errors, Mood::Panics, Mood::Blocks, Mood::Endless]);
    has(field, mood).await;
}

/// A handler of a soak holds one event for a while.
pub(super) async fn hold(field: &mut Field) {
    has(field, Mood::Holds).await;
}

/// `unruly` is in this mood for a while, and misbehaves at least once.
pub(super) async fn has(field: &mut Field, mood: Mood) {
    let before = field.temper.misdeeds();
    field.temper.set(mood);
    tokio::time::sleep(WHILE).await;
    until("the handler misbehaves", async || {
        field.temper.misdeeds() > before
    })
    .await;
    field.temper.set(Mood::Well);
}
