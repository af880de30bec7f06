//! Fault injection.

use super::{
    bodies, broker_with_queue, drain, ephemeral, has_ended, in_time, is_pending, message, next, publish,
    publish_all, send, subscribe, try_subscribe,
};
use crate::broker::{Broker, BrokerState, QueueSource};
use crate::bus::refusal::Refusal;
use crate::topology::Plan;

#[tokio::test]
async fn the_next_publishes_to_an_exchange_are_refused() {
    let broker = broker_with_queue().await;
    broker.refuse_next("events", 2, Refusal::Nacked);
    for text in ["1", "2"] {
        let answer = in_time(send(&broker, message("events", "key", text))).await;
        assert_eq!(answer, Some(Err(Refusal::Nacked)));
        publish(&broker, "", "q", "by another exchange").await;
    }
    publish(&broker, "events", "key", "3").await;
    assert_eq!(bodies(&broker.recorded()), ["3"]);
}

#[tokio::test]
async fn a_broker_that_goes_down_ends_subscriptions_and_counts_their_deliveries() {
    let broker = broker_with_queue().await;
    publish_all(&broker, &["1", "2"]).await;
    let mut first = subscribe(&broker, "q", 1).await;
    let mut other = subscribe(&broker, "q", 10).await;
    next(&mut first).await;
    let mut ephemeral = ephemeral(&broker, "#").await;
    broker.go_down();
    broker.go_down();
    assert!(matches!(broker.state(), BrokerState::Down(_)));
    for subscription in [&mut first, &mut other, &mut ephemeral] {
        assert!(has_ended(subscription));
    }
    assert!(!broker.is_busy());
    assert_eq!(
        broker.queue_names(),
        ["q"],
        "an ephemeral queue is deleted with its connection"
    );
    assert!(
        try_subscribe(&broker, QueueSource::Named("q".into()), 1)
            .await
            .is_err()
    );
    assert!(broker.declare(&Plan::domain_exchange("e")).await.is_err());

    broker.come_back();
    first.ack(1, false);
    let mut again = subscribe(&broker, "q", 10).await;
    for _ in 0..2 {
        let incoming = next(&mut again).await;
        assert_eq!((incoming.redelivered, incoming.delivery_count), (true, 1));
    }
}

#[tokio::test]
async fn a_broker_that_comes_back_accepts_the_publishes_that_waited() {
    let broker = broker_with_queue().await;
    broker.go_down();
    let mut first = send(&broker, message("events", "key", "1"));
    let mut second = send(&broker, message("", "q", "2"));
    let abandoned = send(&broker, message("events", "key", "3"));
    assert!(is_pending(&mut first) && is_pending(&mut second));
    drop(abandoned);
    broker.come_back();
    broker.come_back();
    in_time(first).await.unwrap().unwrap();
    in_time(second).await.unwrap().unwrap();
    assert_eq!(broker.state(), BrokerState::Up);
    let mut subscription = subscribe(&broker, "q", 10).await;
    assert_eq!(drain(&mut subscription), ["1", "2"]);
}

#[tokio::test]
async fn a_closed_broker_does_not_come_back() {
    let broker = broker_with_queue().await;
    broker.go_down();
    let pending = send(&broker, message("events", "key", "1"));
    broker.close().await;
    assert_eq!(in_time(pending).await, Some(Err(Refusal::Closed)));
    broker.come_back();
    assert!(matches!(broker.state(), BrokerState::Down(_)));
}
