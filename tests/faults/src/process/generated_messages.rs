//! Messages that are none of ours, by the thousand.

use std::time::Duration;

use lapin::options::BasicPublishOptions;

use super::asked::Deed;
use super::asking::Asking;
use super::instance::Instance;
use super::nonsense::{self, Message};
use super::service::Cast;
use crate::row::Row;
use crate::soak::Field;
use crate::stage::Stage;
use crate::wait::within;

/// How many are published before their confirms are waited for.
const BATCH: u32 = 100;

pub(super) async fn fed(stage: &Stage) -> Row {
    let seed = stage.random(u64::MAX);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let vhost = stage.vhost().await;
    let mut asking = Asking::of(stage, &vhost.url(), Cast::Plain, &["plain"]).await;
    let mut service = Instance::start_on(&asking.job, &asking.stranger, &["plain"], 0).await;
    let mut left = stage.times();
    while left > 0 {
        let many = left.min(BATCH);
        let mut messages = Vec::new();
        for _ in 0..many {
            // The number is the run's, so it comes before what is made of it.
            let number = asking.open(Deed::Nonsense);
            let message = nonsense::message(number, &mut random);
            asking.is_to_end(number, message.deed);
            messages.push((number, message));
        }
        publish(&asking, messages).await;
        left -= many;
    }
    let patience = stage.pick(Duration::from_mins(2), Duration::from_mins(20));
    let settled = asking.settled(patience).await;
    let crashed = service.ended();
    service.terminate().await;
    let (status, _) = service.end().await;
    let letters = asking.dead("plain").await.len();
    let mut row = asking.row(stage).await;
    // No process was killed between a publish and its acknowledgement.
    let dead = row.dead_lettered;
    row.check(letters as u64 == dead, || {
        format!("{letters} dead letters of {dead} events")
    });
    row.check(settled, || "some messages came to no end".to_owned());
    row.check(crashed.is_none() && status.success(), || {
        format!("the service ended with {status}")
    });
    row
}

/// Publishes messages as a stranger does, and notes that the broker has them.
async fn publish(asking: &Asking, messages: Vec<(u64, Message)>) {
    let mut confirms = Vec::new();
    for (number, message) in messages {
        let confirm = asking
            .stranger
            .channel()
            .basic_publish(
                "domain_events".into(),
                "fault.asked".into(),
                BasicPublishOptions::default(),
                &message.body,
                message.properties,
            )
            .await
            .expect("a stranger publishes");
        confirms.push((number, confirm));
    }
    for (number, confirm) in confirms {
        let confirm = within("a confirm", confirm).await.expect("the broker answers");
        assert!(confirm.is_ack(), "the broker takes it");
        asking.was_taken(number, &nonsense::id(number));
    }
}

/// How many messages a soak is fed at once.
const SPOONFUL: u64 = 100;

/// What the broker of a soak takes.
const TAKEN: usize = 90_000;

/// Numbers that no event of a soak has.
const FOREIGN: u64 = 1 << 40;

/// Feeds a soak with messages that are none of its events: they are dead letters, and nothing else comes of them.
pub(super) async fn feed(field: &mut Field) {
    let (stranger, mut random) = (field.stranger().await, field.random());
    for number in FOREIGN..FOREIGN + SPOONFUL {
        let Message { properties, body, .. } = nonsense::message(number, &mut random);
        // As guest; what claims to be from someone else closes the channel.
        if body.len() < TAKEN {
            let taken = stranger.publish("domain_events", "fault.noted", properties, &body);
            assert!(taken.await.expect("the broker answers"), "the broker takes it");
        }
    }
}
