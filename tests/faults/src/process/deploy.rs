//! Services that are replaced by others while events come.

use std::time::Duration;

use super::asked::Deed;
use super::asking::Asking;
use super::instance::Instance;
use super::service::{Cast, Job};
use super::versions::{new, old};
use crate::row::Row;
use crate::stage::Stage;
use crate::wait::until;

pub(super) async fn deployed(stage: &Stage) -> Row {
    let mut sum = Row::default();
    for _ in 0..stage.times() {
        let vhost = stage.vhost().await;
        sum.add(&once(stage, &vhost.url()).await);
    }
    Row {
        fault: stage.row().fault,
        times: stage.times(),
        ..sum
    }
}

async fn once(stage: &Stage, url: &str) -> Row {
    let mut asking = Asking::of(stage, url, Cast::Old, &["deployed"]).await;
    // The rungs as they are: what only the new instances know is to wait for them.
    asking.job.speed_up = 1;
    let job = asking.job.clone();
    let next = Job {
        cast: Cast::New,
        ..job.clone()
    };
    let first = Instance::start_on(&job, &asking.stranger, &["deployed"], 0).await;
    let second = Instance::start_on(&job, &asking.stranger, &["deployed"], 1).await;
    let many = stage.pick(200, 2_000);
    publish(&mut asking, many, |number| old::Deployed { number }).await;

    let third = Instance::start_on(&next, &asking.stranger, &["deployed"], 2).await;
    until("the new handler's queue is there", async || {
        asking.stranger.consumers("asked.added").await == Some(1)
    })
    .await;
    let from = publish(&mut asking, many, |number| old::Deployed { number }).await;
    publish(&mut asking, many, |number| new::Deployed {
        number,
        place: "here".to_owned(),
    })
    .await;
    let to = publish(&mut asking, many, |number| new::Withdrawn { number }).await + many as u64;
    first.terminate().await;
    first.end().await;
    let fourth = Instance::start_on(&next, &asking.stranger, &["deployed"], 2).await;
    second.terminate().await;
    second.end().await;

    let settled = asking.settled(Duration::from_mins(1)).await;
    let added = usize::try_from(to - from).unwrap_or(usize::MAX);
    until("the new handler has its events", async || {
        asking.finished("added") >= added
    })
    .await;
    for service in [third, fourth] {
        service.terminate().await;
        service.end().await;
    }
    let mut row = asking.row(stage).await;
    row.check(settled, || "some events came to no end".to_owned());
    row.check(row.dead_lettered == 0, || "events were dead-lettered".to_owned());
    row
}

/// Publishes events of one version; gives the number of the first.
async fn publish<T: tidings::Payload>(asking: &mut Asking, many: usize, event: impl Fn(u64) -> T) -> u64 {
    let numbers: Vec<u64> = (0..many).map(|_| asking.open(Deed::Note)).collect();
    let events: Vec<T> = numbers.iter().map(|&number| event(number)).collect();
    asking.publish_as(&numbers, &events).await;
    numbers.first().copied().unwrap_or_default()
}
