//! A dependency of the handler is down for a long time.

use std::time::Duration;

use super::instance::Instance;
use super::misbehaving::misbehave_as;
use super::service::HandlerSet;
use super::task::Task;
use super::task_publisher::TaskPublisher;
use crate::harness::Harness;
use crate::row::Row;
use crate::soak::SoakTarget;
use crate::soak::service::Behaviour;

/// Eight attempts take a second and a half here instead of half an hour. So a second of downtime stands for ten minutes or
/// more.
pub(super) async fn down(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Patient, &["patient"]).await;
    let service = Instance::start_on(&publisher.config, &publisher.client, &["patient"], 0).await;
    publisher.publish_tasks(&vec![Task::FailWhileDown; 500]).await;
    publisher.set_dependency_down(true);
    let mut second = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..harness.pick(8, 60) {
        second.tick().await;
        publisher.publish_tasks(&vec![Task::FailWhileDown; 1_000]).await;
    }
    publisher.set_dependency_down(false);
    let completed = publisher.completed(Duration::from_mins(3)).await;
    service.terminate().await;
    service.wait_for_exit().await;
    let mut row = publisher.row(harness).await;
    row.check(completed, || {
        "some events were neither handled nor dead-lettered".to_owned()
    });
    row.check(row.dead_lettered == 0, || {
        "healthy events were dead-lettered".to_owned()
    });
    row
}

/// The dependency of a handler of a soak is down, for less time than its attempts take.
pub(super) async fn make_dependency_fail(target: &mut SoakTarget) {
    misbehave_as(target, Behaviour::Down).await;
}
