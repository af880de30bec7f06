//! What a test sees of the broker from outside.

use super::{bodies, broker_with_queue, drain, next, publish, publish_all, soon, subscribe};
use crate::broker::memory::MemoryBroker;
use crate::clock::Clock;

#[tokio::test]
async fn what_is_published_to_topic_exchanges_is_recorded_and_nothing_else() {
    let broker = broker_with_queue().await;
    publish(&broker, "events", "a", "1").await;
    publish(&broker, "", "q", "2").await;
    publish(&broker, "events", "b", "3").await;
    assert_eq!(bodies(&broker.recorded()), ["1", "3"]);
    assert!(MemoryBroker::new(Clock::virtual_time()).recorded().is_empty());
}

#[tokio::test]
async fn the_messages_of_a_queue_are_seen_in_order_wherever_they_are() {
    let broker = broker_with_queue().await;
    publish_all(&broker, &["1", "2", "3", "4"]).await;
    let mut subscription = subscribe(&broker, "q", 3).await;
    next(&mut subscription).await;
    subscription.ack(2, false);
    assert_eq!(bodies(&broker.queue_messages("q")), ["1", "3", "4"]);
    assert_eq!(broker.message_count("q"), Some(3));
    assert!(broker.queue_messages("unknown").is_empty());
}

#[tokio::test]
async fn taking_out_leaves_what_is_with_a_consumer() {
    let broker = broker_with_queue().await;
    publish_all(&broker, &["1", "2"]).await;
    let _subscription = subscribe(&broker, "q", 1).await;
    assert_eq!(bodies(&broker.take("q")), ["2"]);
    assert_eq!(bodies(&broker.queue_messages("q")), ["1"]);
    assert!(broker.take("unknown").is_empty());
}

#[tokio::test]
async fn a_delivery_is_work_until_it_is_settled_or_waits_for_the_clock() {
    let broker = broker_with_queue().await;
    let mut subscription = subscribe(&broker, "q", 10).await;
    assert!(!broker.is_busy());
    publish_all(&broker, &["1", "2"]).await;
    assert!(broker.is_busy());
    drain(&mut subscription);
    assert!(broker.is_busy(), "polled, and not settled");
    subscription.ack(1, false);
    assert!(broker.is_busy());
    subscription.set_waiting(1);
    assert!(!broker.is_busy());
    subscription.set_waiting(0);
    assert!(broker.is_busy());
    drop(subscription);
    assert!(!broker.is_busy(), "ready, and no one there to take it");
}

#[tokio::test]
async fn a_change_between_asking_and_waiting_is_not_missed() {
    let broker = broker_with_queue().await;
    let mut subscription = subscribe(&broker, "q", 1).await;
    publish_all(&broker, &["1"]).await;
    let changed = broker.changed();
    assert!(broker.is_busy());
    subscription.ack(1, false);
    soon(changed).await;
    assert!(!broker.is_busy());
}
