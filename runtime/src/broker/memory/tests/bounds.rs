//! The limits of the broker, and publishes that wait while it is full.

use super::{
    binding, bodies, declare, drain, exchange, in_time, is_pending, message, publish, publish_all, queue,
    send, send_with, subscribe,
};
use crate::broker::memory::{MemoryBroker, MemoryBrokerBuilder};
use crate::broker::{Broker, BrokerState};
use crate::clock::Clock;
use crate::topology::ExchangeKind;

async fn build(builder: MemoryBrokerBuilder) -> MemoryBroker {
    let broker = builder.recording().build();
    declare(&broker, exchange("events", ExchangeKind::Topic)).await;
    declare(&broker, exchange("delay", ExchangeKind::Fanout)).await;
    for name in ["q", "delayed"] {
        declare(&broker, queue(name, [])).await;
    }
    declare(&broker, binding("events", "#", "q")).await;
    declare(&broker, binding("delay", "", "delayed")).await;
    broker
}

/// A broker with a limit of two messages that has reached this limit.
async fn full_of_two() -> MemoryBroker {
    let broker = build(MemoryBroker::builder(Clock::virtual_time()).max_messages(2)).await;
    publish_all(&broker, &["1", "2"]).await;
    broker
}

#[tokio::test]
async fn publishes_wait_while_the_broker_is_full_and_keep_their_order() {
    let broker = full_of_two().await;
    assert!(matches!(broker.state(), BrokerState::Blocked(_)));
    let mut third = send(&broker, message("events", "key", "3"));
    let mut fourth = send(&broker, message("events", "key", "4"));
    assert!(is_pending(&mut third) && is_pending(&mut fourth));
    assert!(!broker.is_busy(), "a waiting publish is not work");

    let mut subscription = subscribe(&broker, "q", 1).await;
    assert_eq!(drain(&mut subscription), ["1"]);
    assert!(is_pending(&mut third), "an unsettled message still counts");
    subscription.ack(1, false);
    in_time(third).await.unwrap().unwrap();
    assert!(is_pending(&mut fourth));
    subscription.ack(2, false);
    in_time(fourth).await.unwrap().unwrap();
    assert_eq!(bodies(&broker.queue_messages("q")), ["3", "4"]);
    assert_eq!(bodies(&broker.recorded()), ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_publish_whose_caller_gave_up_is_never_published() {
    let broker = full_of_two().await;
    let third = send(&broker, message("events", "key", "3"));
    let fourth = send(&broker, message("events", "key", "4"));
    assert!(!third.give_up());
    broker.take("q");
    in_time(fourth).await.unwrap().unwrap();
    assert_eq!(bodies(&broker.queue_messages("q")), ["4"]);
}

#[tokio::test]
async fn a_full_broker_accepts_the_publishes_of_the_runtime() {
    let broker = full_of_two().await;
    let _waiting = send(&broker, message("events", "key", "3"));
    publish(&broker, "delay", "key", "late").await;
    publish(&broker, "", "q", "redriven").await;
    let returned = message("events", "key", "returned by a handler");
    let answer = send_with(&broker, returned, false, true);
    in_time(answer).await.unwrap().unwrap();
    assert_eq!(broker.message_count("delayed"), Some(1));
    assert_eq!(broker.message_count("q"), Some(4));
}

#[tokio::test]
async fn bytes_are_limited_too_but_a_message_over_the_limit_is_accepted() {
    let broker = build(MemoryBroker::builder(Clock::virtual_time()).max_bytes(1_000)).await;
    let large = "x".repeat(2_000);
    publish(&broker, "events", "key", &large).await;
    let mut second = send(&broker, message("events", "key", &large));
    assert!(is_pending(&mut second));
    broker.take("q");
    in_time(second).await.unwrap().unwrap();
}

#[tokio::test]
async fn deleting_a_queue_frees_capacity() {
    let broker = full_of_two().await;
    let third = send(&broker, message("events", "key", "3"));
    let mut subscription = subscribe(&broker, "q", 1).await;
    drain(&mut subscription);
    assert!(broker.delete_queue("q"));
    in_time(third).await.unwrap().unwrap();
    assert_eq!(broker.state(), BrokerState::Up);
}
