//! Processes are killed while they handle events.

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
    let (mut confirmed, mut late) = (0, 0);
    for _ in 0..harness.times() {
        let before = publisher.finished("plain");
        publisher.publish_tasks(&vec![Task::Wait(100); share]).await;
        confirmed += share;
        until("some are handled", async || {
            publisher.finished("plain") >= before + share / 4
        })
        .await;
        service.kill().await;
        late += usize::from(publisher.finished("plain") == confirmed);
        service = Instance::start(&publisher.config);
    }
    let completed = publisher.completed(Duration::from_mins(5)).await;
    service.terminate().await;
    let (status, _) = service.wait_for_exit().await;
    let mut row = publisher.row(harness).await;
    row.check(late == 0, || {
        format!("{late} times the process was killed after every event was done")
    });
    row.check(completed, || {
        "some events were neither handled nor dead-lettered".to_owned()
    });
    row.check(status.success(), || format!("the service ended with {status}"));
    row
}

/// Kills and restarts the process of a handler of a soak.
pub(super) async fn kill(target: &mut SoakTarget) {
    let mut far = target.far();
    target.row.check(far.exit_status().is_none(), || {
        "the process had exited by itself".to_owned()
    });
    far.kill().await;
    target.start_far().await;
}
