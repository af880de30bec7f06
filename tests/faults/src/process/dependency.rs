//! What all handlers need is down for long.

use std::time::Duration;

use super::asked::Deed;
use super::asking::Asking;
use super::handler::has;
use super::instance::Instance;
use super::service::Cast;
use crate::row::Row;
use crate::soak::Field;
use crate::soak::service::Mood;
use crate::stage::Stage;

/// Eight attempts last a second and a half here, of half an hour with the usual rungs: the seconds for which the
/// dependency is down stand for as many times ten minutes.
pub(super) async fn down(stage: &Stage) -> Row {
    let vhost = stage.vhost().await;
    let mut asking = Asking::of(stage, &vhost.url(), Cast::Patient, &["patient"]).await;
    let service = Instance::start_on(&asking.job, &asking.stranger, &["patient"], 0).await;
    asking.ask(&vec![Deed::FailWhileDown; 500]).await;
    asking.depend(true);
    let mut second = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..stage.pick(8, 60) {
        second.tick().await;
        asking.ask(&vec![Deed::FailWhileDown; 1_000]).await;
    }
    asking.depend(false);
    let settled = asking.settled(Duration::from_mins(3)).await;
    service.terminate().await;
    service.end().await;
    let mut row = asking.row(stage).await;
    row.check(settled, || "some events came to no end".to_owned());
    row.check(row.dead_lettered == 0, || {
        "healthy events were dead-lettered".to_owned()
    });
    row
}

/// What a handler of a soak needs is down for a while, though not for all of its attempts.
pub(super) async fn go_down(field: &mut Field) {
    has(field, Mood::Down).await;
}
