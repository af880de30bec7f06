//! What all handlers need is down for long.

use std::time::Duration;

use super::instance::Instance;
use super::misbehaving::has;
use super::service::HandlerSet;
use super::task::Task;
use super::task_publisher::TaskPublisher;
use crate::harness::Harness;
use crate::row::Row;
use crate::soak::SoakTarget;
use crate::soak::service::Behaviour;

/// Eight attempts last a second and a half here, of half an hour with the usual rungs: the seconds for which the
/// dependency is down stand for as many times ten minutes.
pub(super) async fn down(harness: &Harness) -> Row {
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Patient, &["patient"]).await;
    let service = Instance::start_on(&publisher.config, &publisher.client, &["patient"], 0).await;
    publisher.publish_tasks(&vec![Task::FailWhileDown; 500]).await;
    publisher.depend(true);
    let mut second = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..harness.pick(8, 60) {
        second.tick().await;
        publisher.publish_tasks(&vec![Task::FailWhileDown; 1_000]).await;
    }
    publisher.depend(false);
    let completed = publisher.completed(Duration::from_mins(3)).await;
    service.terminate().await;
    service.end().await;
    let mut row = publisher.row(harness).await;
    row.check(completed, || "some events came to no end".to_owned());
    row.check(row.dead_lettered == 0, || {
        "healthy events were dead-lettered".to_owned()
    });
    row
}

/// What a handler of a soak needs is down for a while, though not for all of its attempts.
pub(super) async fn go_down(target: &mut SoakTarget) {
    has(target, Behaviour::Down).await;
}
