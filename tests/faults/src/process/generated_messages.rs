//! Thousands of generated messages, valid and malformed.

use std::time::Duration;

use lapin::options::BasicPublishOptions;

use super::generated::{self, Message};
use super::service::HandlerSet;
use super::task::Task;
use super::task_publisher::TaskPublisher;
use crate::harness::Harness;
use crate::row::Row;
use crate::soak::SoakTarget;
use tidings_test_support::wait::within;

/// How many messages are published before their confirms are awaited.
const BATCH: u32 = 100;

pub(super) async fn handled(harness: &Harness) -> Row {
    let seed = harness.random(u64::MAX);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let vhost = harness.vhost().await;
    let mut publisher = TaskPublisher::of(harness, &vhost.url(), HandlerSet::Plain, &["plain"]).await;
    let mut service = publisher.start_instance(0).await;
    let mut left = harness.times();
    while left > 0 {
        let many = left.min(BATCH);
        let mut messages = Vec::new();
        for _ in 0..many {
            // The generator needs the number and chooses the task.
            let number = publisher.new_event(Task::Malformed);
            let message = generated::message(number, &mut random);
            publisher.set_task(number, message.task);
            messages.push((number, message));
        }
        publish(&publisher, messages).await;
        left -= many;
    }
    let patience = harness.pick(Duration::from_mins(2), Duration::from_mins(20));
    publisher.wait_until_complete(patience).await;
    let crashed = service.exit_status();
    let (status, _) = service.stop().await;
    let letters = publisher.dead("plain").await.len();
    let mut row = publisher.row(harness).await;
    // No process was killed between a publish and its ack, so no dead letter is duplicated.
    let dead = row.dead_lettered;
    row.check(letters as u64 == dead, || {
        format!("{letters} dead letters of {dead} events")
    });
    row.check(crashed.is_none() && status.success(), || {
        format!("the service ended with {status}")
    });
    row
}

/// Publishes messages without Tidings and records the confirms.
async fn publish(publisher: &TaskPublisher, messages: Vec<(u64, Message)>) {
    let mut confirms = Vec::new();
    for (number, message) in messages {
        let confirm = publisher
            .client
            .channel()
            .basic_publish(
                "domain_events".into(),
                "fault.task_requested".into(),
                BasicPublishOptions::default(),
                &message.body,
                message.properties,
            )
            .await
            .expect("the client publishes");
        confirms.push((number, confirm));
    }
    for (number, confirm) in confirms {
        let confirm = within("a confirm", confirm).await.expect("the broker answers");
        assert!(confirm.is_ack(), "the broker accepts the message");
        publisher.record_confirm(number, &generated::id(number));
    }
}

/// How many messages one injection publishes.
const MESSAGES: u64 = 100;

/// The size limit for bodies, below the message limit of the soak's broker.
const MAX_BODY: usize = 90_000;

/// The number of the first message, which no event of a soak reaches.
const FIRST_NUMBER: u64 = 1 << 40;

/// Publishes generated messages to a soak. They become dead letters without other effects.
pub(super) async fn publish_generated(target: &mut SoakTarget) {
    let (client, mut random) = (target.client().await, target.random());
    for number in FIRST_NUMBER..FIRST_NUMBER + MESSAGES {
        let Message { properties, body, .. } = generated::message(number, &mut random);
        // The client must be `guest`, because another `user_id` would close the channel.
        if body.len() < MAX_BODY {
            let published = client.publish("domain_events", "fault.noted", properties, &body);
            assert!(
                published.await.expect("the broker answers"),
                "the broker accepts the message"
            );
        }
    }
}
