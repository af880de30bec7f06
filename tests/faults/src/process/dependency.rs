//! A dependency of the handler is down for a long time.

use std::time::Duration;

use super::misbehaving::misbehave_as;
use super::service::HandlerSet;
use super::task::Task;
use super::task_publisher::TaskPublisher;
use crate::harness::Harness;
use crate::row::Row;
use crate::soak::SoakTarget;
use crate::soak::service::Behaviour;

/// All attempts take a second and a half here, and half an hour with the default delays. So one second of downtime
/// stands for ten minutes or more.
pub(super) async fn down(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Patient, &["patient"]).await;
    let service = publisher.start_instance(0).await;
    publisher.publish_tasks(&vec![Task::FailWhileDown; 500]).await;
    publisher.set_dependency_down(true);
    let mut second = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..harness.pick(8, 60) {
        second.tick().await;
        publisher.publish_tasks(&vec![Task::FailWhileDown; 1_000]).await;
    }
    publisher.set_dependency_down(false);
    publisher.wait_until_complete(Duration::from_mins(3)).await;
    service.stop().await;
    let mut row = publisher.row(harness).await;
    row.check(row.dead_lettered == 0, || {
        "healthy events were dead-lettered".to_owned()
    });
    row
}

/// Makes the dependency of a handler of a soak fail, for less time than all attempts take.
pub(super) async fn make_dependency_fail(target: &mut SoakTarget) {
    misbehave_as(target, Behaviour::Down).await;
}
