//! Subscriptions: delivery order, settling and end.

use std::error::Error as _;
use std::task::Poll;

use super::{
    binding, bodies, body, broker_with_queue, declare, drain, ephemeral, has_ended, message, next, poll_now,
    publish, publish_all, queue, send_mandatory, subscribe, try_subscribe,
};
use crate::broker::{Broker, QueueSource};
use crate::bus::refusal::Refusal;
use crate::topology::Argument;

#[tokio::test]
async fn deliveries_arrive_in_order_and_acks_remove_them() {
    let broker = broker_with_queue().await;
    publish_all(&broker, &["1", "2"]).await;
    let mut subscription = subscribe(&broker, "q", 10).await;
    assert_eq!(subscription.queue(), "q");
    for (tag, text) in [(1, "1"), (2, "2")] {
        let incoming = next(&mut subscription).await;
        assert_eq!((incoming.tag, body(&incoming.message)), (tag, text.to_owned()));
        assert_eq!((incoming.redelivered, incoming.delivery_count), (false, 0));
    }
    subscription.ack(1, false);
    assert_eq!(bodies(&broker.queue_messages("q")), ["2"]);
    subscription.ack(1, false);
    subscription.ack(77, false);
    subscription.ack(2, false);
    assert_eq!(broker.message_count("q"), Some(0));
}

#[tokio::test]
async fn an_ack_with_multiple_settles_every_delivery_up_to_its_tag() {
    let broker = broker_with_queue().await;
    publish_all(&broker, &["1", "2", "3"]).await;
    let mut subscription = subscribe(&broker, "q", 10).await;
    drain(&mut subscription);
    subscription.ack(2, true);
    assert_eq!(bodies(&broker.queue_messages("q")), ["3"]);
}

#[tokio::test]
async fn a_waiting_consumer_is_woken_by_a_publish() {
    let broker = broker_with_queue().await;
    let mut subscription = subscribe(&broker, "q", 1).await;
    let waiting = tokio::spawn(async move { next(&mut subscription).await.tag });
    tokio::task::yield_now().await;
    publish_all(&broker, &["1"]).await;
    assert_eq!(super::in_time(waiting).await.unwrap(), 1);
}

#[tokio::test]
async fn no_more_than_the_prefetch_is_delivered_before_one_is_settled() {
    let broker = broker_with_queue().await;
    publish_all(&broker, &["1", "2", "3", "4"]).await;
    let mut subscription = subscribe(&broker, "q", 2).await;
    assert_eq!(drain(&mut subscription), ["1", "2"]);
    subscription.ack(2, false);
    assert_eq!(drain(&mut subscription), ["3"]);
    assert_eq!(broker.deliveries(), 3);
}

#[tokio::test]
async fn the_consumers_of_a_queue_take_turns_and_a_full_consumer_is_skipped() {
    let broker = broker_with_queue().await;
    let mut a = subscribe(&broker, "q", 10).await;
    let mut b = subscribe(&broker, "q", 1).await;
    publish_all(&broker, &["1", "2", "3", "4"]).await;
    assert_eq!(drain(&mut a), ["1", "3", "4"]);
    assert_eq!(drain(&mut b), ["2"]);
}

#[tokio::test]
async fn a_requeued_delivery_keeps_its_position_and_its_delivery_count() {
    let broker = broker_with_queue().await;
    publish_all(&broker, &["1", "2", "3"]).await;
    let mut subscription = subscribe(&broker, "q", 1).await;
    for _ in 0..100 {
        let incoming = next(&mut subscription).await;
        assert_eq!(
            (body(&incoming.message), incoming.delivery_count),
            ("1".to_owned(), 0)
        );
        subscription.requeue(incoming.tag);
    }
    let again = next(&mut subscription).await;
    assert!(again.redelivered);
    assert_eq!(bodies(&broker.queue_messages("q")), ["1", "2", "3"]);
}

#[tokio::test]
async fn a_dropped_subscription_returns_its_deliveries_to_their_positions_and_counts_them() {
    let broker = broker_with_queue().await;
    publish_all(&broker, &["1", "2", "3", "4"]).await;
    let mut first = subscribe(&broker, "q", 2).await;
    next(&mut first).await;
    next(&mut first).await;
    first.ack(2, false);
    drop(first);
    let mut second = subscribe(&broker, "q", 10).await;
    for (text, redelivered, count) in [("1", true, 1), ("3", true, 1), ("4", false, 0)] {
        let incoming = next(&mut second).await;
        let seen = (
            body(&incoming.message),
            incoming.redelivered,
            incoming.delivery_count,
        );
        assert_eq!(
            seen,
            (text.to_owned(), redelivered, count),
            "message 3 was delivered although it was not polled"
        );
    }
}

#[tokio::test]
async fn the_next_consumer_gets_the_deliveries_of_a_dropped_subscription() {
    let broker = broker_with_queue().await;
    let first = subscribe(&broker, "q", 1).await;
    publish_all(&broker, &["1", "2"]).await;
    let mut second = subscribe(&broker, "q", 10).await;
    drop(first);
    assert_eq!(drain(&mut second), ["2", "1"]);
}

#[tokio::test]
async fn a_cancelled_subscription_yields_its_deliveries_and_then_nothing() {
    let broker = broker_with_queue().await;
    publish_all(&broker, &["1", "2", "3"]).await;
    let mut subscription = subscribe(&broker, "q", 2).await;
    subscription.cancel();
    assert_eq!(drain(&mut subscription), ["1", "2"]);
    assert!(
        poll_now(&mut subscription).is_pending(),
        "the subscription has not ended: its deliveries can be settled"
    );
    subscription.ack(1, false);
    subscription.requeue(2);
    assert_eq!(bodies(&broker.queue_messages("q")), ["2", "3"]);
    assert!(poll_now(&mut subscription).is_pending());
    broker.delete_queue("q");
    assert!(has_ended(&mut subscription));
}

#[tokio::test]
async fn a_single_active_consumer_is_followed_by_the_next() {
    let broker = broker_with_queue().await;
    let single = [("x-single-active-consumer", Argument::Flag(true))];
    declare(&broker, queue("single", single)).await;
    let mut consumers = Vec::new();
    for _ in 0..3 {
        consumers.push(subscribe(&broker, "single", 1).await);
    }
    for text in ["1", "2", "3"] {
        publish(&broker, "", "single", text).await;
    }
    assert_eq!(drain(&mut consumers[0]), ["1"]);
    assert!(
        poll_now(&mut consumers[1]).is_pending(),
        "the other consumers wait even with free prefetch"
    );
    consumers[0].cancel();
    assert_eq!(drain(&mut consumers[1]), ["2"], "at once, with 1 not settled yet");
    drop(consumers.remove(1));
    assert_eq!(drain(&mut consumers[1]), ["2"]);
    assert_eq!(bodies(&broker.queue_messages("single")), ["1", "2", "3"]);
}

#[tokio::test]
async fn an_ephemeral_queue_is_deleted_with_its_subscription() {
    let broker = broker_with_queue().await;
    let mut subscription = ephemeral(&broker, "order.*").await;
    let name = subscription.queue().to_owned();
    assert!(name.starts_with("amq.gen-"));
    publish(&broker, "events", "order.created", "1").await;
    publish(&broker, "events", "payment.settled", "2").await;
    assert_eq!(drain(&mut subscription), ["1"]);
    let other = try_subscribe(&broker, QueueSource::Named(name.as_str().into()), 1).await;
    assert!(other.is_err(), "the queue is exclusive");
    drop(subscription);
    assert_eq!(broker.queue_names(), ["q"]);
    let answer = send_mandatory(&broker, message("", &name, "3")).await;
    assert_eq!(answer, Err(Refusal::Unroutable));
}

#[tokio::test]
async fn a_subscription_needs_its_queue_or_its_exchange() {
    let broker = broker_with_queue().await;
    let missing = QueueSource::Named("missing".into());
    let error = try_subscribe(&broker, missing, 1).await.err().unwrap();
    assert_eq!(error.to_string(), "cannot consume from queue `missing`");
    assert_eq!(error.source().unwrap().to_string(), "it does not exist");
    let missing = QueueSource::Ephemeral {
        exchange: "missing".into(),
        patterns: vec!["a".to_owned(), "b".to_owned()],
    };
    let error = try_subscribe(&broker, missing, 1).await.err().unwrap();
    assert_eq!(
        error.source().unwrap().to_string(),
        "exchange `missing` does not exist"
    );
    assert_eq!(broker.queue_names(), ["q"], "the ephemeral queue was removed");
}

#[tokio::test]
async fn deleting_a_queue_ends_its_subscriptions() {
    let broker = broker_with_queue().await;
    publish_all(&broker, &["1"]).await;
    let mut subscription = subscribe(&broker, "q", 1).await;
    broker.delete_queue("q");
    assert!(has_ended(&mut subscription));
    subscription.ack(1, false);
    subscription.requeue(1);
    subscription.cancel();
    declare(&broker, queue("q", [])).await;
    declare(&broker, binding("events", "#", "q")).await;
    publish_all(&broker, &["2"]).await;
    assert!(
        has_ended(&mut subscription),
        "a queue of the same name is another queue"
    );
    drop(subscription);
    assert_eq!(bodies(&broker.queue_messages("q")), ["2"]);
}

#[tokio::test]
async fn a_closed_broker_ends_subscriptions_and_refuses_publishes() {
    let broker = broker_with_queue().await;
    let mut subscription = subscribe(&broker, "q", 1).await;
    assert!(matches!(poll_now(&mut subscription), Poll::Pending));
    broker.close().await;
    assert!(has_ended(&mut subscription));
    let answer = send_mandatory(&broker, message("events", "key", "1")).await;
    assert_eq!(answer, Err(Refusal::Closed));
    assert!(
        try_subscribe(&broker, QueueSource::Named("q".into()), 1)
            .await
            .is_err()
    );
    assert!(broker.declare(&queue("other", [])).await.is_err());
}
