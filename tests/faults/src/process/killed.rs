//! Processes that are killed while they handle.

use std::time::Duration;

use super::asked::Deed;
use super::asking::Asking;
use super::instance::Instance;
use super::service::Cast;
use crate::row::Row;
use crate::soak::Field;
use crate::stage::Stage;
use crate::wait::until;

pub(super) async fn killed(stage: &Stage) -> Row {
    let vhost = stage.vhost().await;
    let mut asking = Asking::of(stage, &vhost.url(), Cast::Plain, &["plain"]).await;
    let mut service = Instance::start_on(&asking.job, &asking.stranger, &["plain"], 0).await;
    let share = stage.pick(600, 2_000);
    let (mut asked, mut late) = (0, 0);
    for _ in 0..stage.times() {
        let before = asking.finished("plain");
        asking.ask(&vec![Deed::Wait(100); share]).await;
        asked += share;
        until("some are handled", async || {
            asking.finished("plain") >= before + share / 4
        })
        .await;
        service.kill().await;
        late += usize::from(asking.finished("plain") == asked);
        service = Instance::start(&asking.job);
    }
    let settled = asking.settled(Duration::from_mins(5)).await;
    service.terminate().await;
    let (status, _) = service.end().await;
    let mut row = asking.row(stage).await;
    row.check(late == 0, || {
        format!("{late} times it was killed after all was done")
    });
    row.check(settled, || "some events came to no end".to_owned());
    row.check(status.success(), || format!("the service ended with {status}"));
    row
}

/// Kills the process of a handler of a soak, and starts it again.
pub(super) async fn kill(field: &mut Field) {
    let mut far = field.far();
    field.row.check(far.ended().is_none(), || {
        "the process had ended by itself".to_owned()
    });
    far.kill().await;
    field.start_far().await;
}
