//! Processes that are killed while they handle.

use std::time::Duration;

use super::instance::Instance;
use super::service::HandlerSet;
use super::task::Task;
use super::task_publisher::TaskPublisher;
use crate::harness::Harness;
use crate::row::Row;
use crate::soak::SoakTarget;
use tidings_test_support::wait::until;

pub(super) async fn killed(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Plain, &["plain"]).await;
    let mut service = Instance::start_on(&publisher.config, &publisher.client, &["plain"], 0).await;
    let share = harness.pick(600, 2_000);
    let (mut asked, mut late) = (0, 0);
    for _ in 0..harness.times() {
        let before = publisher.finished("plain");
        publisher.publish_tasks(&vec![Task::Wait(100); share]).await;
        asked += share;
        until("some are handled", async || {
            publisher.finished("plain") >= before + share / 4
        })
        .await;
        service.kill().await;
        late += usize::from(publisher.finished("plain") == asked);
        service = Instance::start(&publisher.config);
    }
    let completed = publisher.completed(Duration::from_mins(5)).await;
    service.terminate().await;
    let (status, _) = service.end().await;
    let mut row = publisher.row(harness).await;
    row.check(late == 0, || {
        format!("{late} times it was killed after all was done")
    });
    row.check(completed, || "some events came to no end".to_owned());
    row.check(status.success(), || format!("the service ended with {status}"));
    row
}

/// Kills the process of a handler of a soak, and starts it again.
pub(super) async fn kill(target: &mut SoakTarget) {
    let mut far = target.far();
    target.row.check(far.ended().is_none(), || {
        "the process had ended by itself".to_owned()
    });
    far.kill().await;
    target.start_far().await;
}
