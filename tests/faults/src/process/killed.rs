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
    let mut service = publisher.start_instance(0).await;
    let share = harness.pick(600, 2_000);
    let (mut confirmed, mut late) = (0, 0);
    for _ in 0..harness.times() {
        let before = publisher.finished("plain");
        publisher.publish_tasks(&vec![Task::Wait(100); share]).await;
        confirmed += share;
        until("some events are handled", async || {
            publisher.finished("plain") >= before + share / 4
        })
        .await;
        service.kill().await;
        late += usize::from(publisher.finished("plain") == confirmed);
        service = Instance::start(&publisher.config);
    }
    publisher.wait_until_complete(Duration::from_mins(5)).await;
    let (status, _) = service.stop().await;
    let mut row = publisher.row(harness).await;
    row.check(late == 0, || {
        format!("{late} times the process was killed after every event was done")
    });
    row.check(status.success(), || format!("the service ended with {status}"));
    row
}

/// Kills and restarts the process of the handler `remote` of a soak.
pub(super) async fn kill(target: &mut SoakTarget) {
    let mut remote = target.take_remote();
    target.row.check(remote.exit_status().is_none(), || {
        "the process of `remote` exited before it was killed".to_owned()
    });
    remote.kill().await;
    target.start_remote().await;
}
