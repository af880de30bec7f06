//! Services that are replaced by others while events come.

use std::time::Duration;

use super::asked::Deed;
use super::asking::Asking;
use super::instance::Instance;
use super::service::{Cast, Job};
use super::versions::{new, old};
use crate::notebook::disorder;
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

pub(super) async fn ordered(stage: &Stage) -> Row {
    let vhost = stage.vhost().await;
    let mut asking = Asking::of(stage, &vhost.url(), Cast::Ordered, &["ordered"]).await;
    asking.job.speed_up = 1;
    let mut instances = Vec::new();
    for _ in 0..6 {
        instances.push(Instance::start_on(&asking.job, &asking.stranger, &["ordered"], 0).await);
    }
    // What they need is down: the first of each line waits in its place, and the others behind it.
    asking.depend(true);
    for line in ["a", "b", "c"] {
        asking.ask_of_line(line, &[Deed::FailWhileDown; 4]).await;
    }
    for _ in 0..stage.times() {
        // The one that was active goes first each time, with all that it holds.
        for instance in std::mem::take(&mut instances) {
            until("the queue is in someone's hands", async || {
                asking.stranger.depth("asked.ordered").await == Some(0)
            })
            .await;
            instance.terminate().await;
            instance.end().await;
            instances.push(Instance::start_on(&asking.job, &asking.stranger, &["ordered"], 0).await);
        }
    }
    asking.depend(false);
    let settled = asking.settled(Duration::from_mins(1)).await;
    for instance in instances {
        instance.terminate().await;
        instance.end().await;
    }
    let disorder = disorder(asking.lines(), "ordered");
    let mut row = asking.row(stage).await;
    row.failed.extend(disorder);
    row.check(settled, || "some events came to no end".to_owned());
    row.check(row.dead_lettered == 0, || "events were dead-lettered".to_owned());
    row
}
