//! Inspection of the broker by tests.

use super::{bodies, broker_with_queue, drain, in_time, next, publish, publish_all, subscribe};
use crate::broker::memory::MemoryBroker;
use crate::clock::Clock;

#[tokio::test]
async fn only_publishes_to_topic_exchanges_are_recorded() {
    let broker = broker_with_queue().await;
    publish(&broker, "events", "a", "1").await;
    publish(&broker, "", "q", "2").await;
    publish(&broker, "events", "b", "3").await;
    assert_eq!(bodies(&broker.recorded()), ["1", "3"]);
    assert!(MemoryBroker::new(Clock::virtual_time()).recorded().is_empty());
}

#[tokio::test]
async fn queue_messages_lists_ready_and_unsettled_messages_in_order() {
    let broker = broker_with_queue().await;
    publish_all(&broker, &["1", "2", "3", "4"]).await;
    let mut subscription = subscribe(&broker, "q", 3).await;
    next(&mut subscription).await;
    subscription.ack(2, false);
    assert_eq!(bodies(&broker.queue_messages("q")), ["1", "3", "4"]);
    assert_eq!(broker.message_count("q"), Some(3));
    assert!(broker.queue_messages("unknown").is_empty());
    assert_eq!(broker.message_count("unknown"), None);
}

#[tokio::test]
async fn take_leaves_unsettled_messages() {
    let broker = broker_with_queue().await;
    publish_all(&broker, &["1", "2"]).await;
    let _subscription = subscribe(&broker, "q", 1).await;
    assert_eq!(bodies(&broker.take("q")), ["2"]);
    assert_eq!(bodies(&broker.queue_messages("q")), ["1"]);
    assert!(broker.take("unknown").is_empty());
}

#[tokio::test]
async fn a_broker_is_busy_until_each_delivery_is_settled_or_waits_for_the_clock() {
    let broker = broker_with_queue().await;
    let mut subscription = subscribe(&broker, "q", 10).await;
    assert!(!broker.is_busy());
    publish_all(&broker, &["1", "2"]).await;
    assert!(broker.is_busy());
    drain(&mut subscription);
    assert!(broker.is_busy(), "polled but not settled");
    subscription.ack(1, false);
    assert!(broker.is_busy());
    subscription.set_waiting(1);
    assert!(!broker.is_busy());
    subscription.set_waiting(0);
    assert!(broker.is_busy());
    drop(subscription);
    assert!(
        !broker.is_busy(),
        "the messages are ready, but there is no consumer"
    );
}

#[tokio::test]
async fn a_change_between_is_busy_and_await_is_not_missed() {
    let broker = broker_with_queue().await;
    let mut subscription = subscribe(&broker, "q", 1).await;
    publish_all(&broker, &["1"]).await;
    let changed = broker.changed();
    assert!(broker.is_busy());
    subscription.ack(1, false);
    in_time(changed).await;
    assert!(!broker.is_busy());
}
