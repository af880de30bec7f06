//! Messages that are none of ours, by the thousand.

use std::time::Duration;

use lapin::options::BasicPublishOptions;

use super::generated::{self, Message};
use super::instance::Instance;
use super::service::HandlerSet;
use super::task::Task;
use super::task_publisher::TaskPublisher;
use crate::harness::Harness;
use crate::row::Row;
use crate::soak::SoakTarget;
use tidings_test_support::wait::within;

/// How many are published before their confirms are waited for.
const BATCH: u32 = 100;

pub(super) async fn fed(harness: &Harness) -> Row {
    let seed = harness.random(u64::MAX);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Plain, &["plain"]).await;
    let mut service = Instance::start_on(&publisher.config, &publisher.client, &["plain"], 0).await;
    let mut left = harness.times();
    while left > 0 {
        let many = left.min(BATCH);
        let mut messages = Vec::new();
        for _ in 0..many {
            // The number is the run's, so it comes before what is made of it.
            let number = publisher.open(Task::Nonsense);
            let message = generated::message(number, &mut random);
            publisher.is_to_end(number, message.task);
            messages.push((number, message));
        }
        publish(&publisher, messages).await;
        left -= many;
    }
    let patience = harness.pick(Duration::from_mins(2), Duration::from_mins(20));
    let completed = publisher.completed(patience).await;
    let crashed = service.ended();
    service.terminate().await;
    let (status, _) = service.end().await;
    let letters = publisher.dead("plain").await.len();
    let mut row = publisher.row(harness).await;
    // No process was killed between a publish and its acknowledgement.
    let dead = row.dead_lettered;
    row.check(letters as u64 == dead, || {
        format!("{letters} dead letters of {dead} events")
    });
    row.check(completed, || "some messages came to no end".to_owned());
    row.check(crashed.is_none() && status.success(), || {
        format!("the service ended with {status}")
    });
    row
}

/// Publishes messages as a client does, and notes that the broker has them.
async fn publish(publisher: &TaskPublisher, messages: Vec<(u64, Message)>) {
    let mut confirms = Vec::new();
    for (number, message) in messages {
        let confirm = publisher
            .client
            .channel()
            .basic_publish(
                "domain_events".into(),
                "fault.asked".into(),
                BasicPublishOptions::default(),
                &message.body,
                message.properties,
            )
            .await
            .expect("a client publishes");
        confirms.push((number, confirm));
    }
    for (number, confirm) in confirms {
        let confirm = within("a confirm", confirm).await.expect("the broker answers");
        assert!(confirm.is_ack(), "the broker takes it");
        publisher.was_taken(number, &generated::id(number));
    }
}

/// How many messages a soak is fed at once.
const SPOONFUL: u64 = 100;

/// What the broker of a soak takes.
const TAKEN: usize = 90_000;

/// Numbers that no event of a soak has.
const FOREIGN: u64 = 1 << 40;

/// Feeds a soak with messages that are none of its events: they are dead letters, and nothing else comes of them.
pub(super) async fn feed(target: &mut SoakTarget) {
    let (client, mut random) = (target.client().await, target.random());
    for number in FOREIGN..FOREIGN + SPOONFUL {
        let Message { properties, body, .. } = generated::message(number, &mut random);
        // As guest; what claims to be from someone else closes the channel.
        if body.len() < TAKEN {
            let taken = client.publish("domain_events", "fault.noted", properties, &body);
            assert!(taken.await.expect("the broker answers"), "the broker takes it");
        }
    }
}
