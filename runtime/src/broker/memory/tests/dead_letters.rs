//! Dead-lettering by the broker.

use super::{
    binding, bodies, broker_with_queue, death, declare, exchange, jump, next, publish, publish_expiring,
    queue, subscribe, text,
};
use crate::broker::Broker;
use crate::broker::memory::MemoryBroker;
use crate::message::headers::HeaderValue;
use crate::topology::{Argument, ExchangeKind};

/// Declares a queue `limited` that dead-letters to the exchange `dead` after `limit` failed deliveries.
async fn limited(broker: &MemoryBroker, limit: i64, strategy: &str) {
    let arguments = [
        ("x-queue-type", text("quorum")),
        ("x-delivery-limit", Argument::Number(limit)),
        ("x-dead-letter-exchange", text("dead")),
        ("x-dead-letter-routing-key", text("limited.dlq")),
        ("x-dead-letter-strategy", text(strategy)),
    ];
    declare(broker, queue("limited", arguments)).await;
}

async fn dead_letters(broker: &MemoryBroker) {
    declare(broker, exchange("dead", ExchangeKind::Direct)).await;
    declare(broker, queue("limited.dlq", [])).await;
    declare(broker, binding("dead", "limited.dlq", "limited.dlq")).await;
}

/// Receives a delivery and drops the subscription without settling it.
async fn fail(broker: &MemoryBroker, queue: &str, prefetch: u16) {
    let mut subscription = subscribe(broker, queue, prefetch).await;
    next(&mut subscription).await;
}

#[tokio::test]
async fn a_message_over_the_delivery_limit_is_dead_lettered_with_its_reason() {
    let broker = broker_with_queue().await;
    dead_letters(&broker).await;
    limited(&broker, 2, "at-least-once").await;
    publish_expiring(&broker, "", "limited", "poison", "60000").await;
    for _ in 0..2 {
        fail(&broker, "limited", 1).await;
        assert_eq!(broker.message_count("limited"), Some(1));
    }
    fail(&broker, "limited", 1).await;
    assert_eq!(broker.message_count("limited"), Some(0));

    let dead = &broker.queue_messages("limited.dlq")[0];
    assert_eq!((&*dead.exchange, &*dead.routing_key), ("dead", "limited.dlq"));
    assert_eq!(*dead.body, *b"poison");
    assert_eq!(
        dead.properties.expiration(),
        None,
        "the dead letter must not expire"
    );
    let death = death(dead);
    assert_eq!(death.text("reason"), Some("delivery_limit"));
    assert_eq!(death.text("queue"), Some("limited"));
    assert_eq!(death.text("exchange"), Some(""));
    assert_eq!(death.text("original-expiration"), Some("60000"));
    let keys = HeaderValue::List(vec!["limited".into()]);
    assert_eq!(death.get("routing-keys"), Some(&keys));
    assert_eq!(dead.headers.text("x-first-death-queue"), Some("limited"));
    assert_eq!(dead.headers.text("x-last-death-reason"), Some("delivery_limit"));
}

#[tokio::test]
async fn a_lost_consumer_counts_for_every_message_in_its_prefetch_window() {
    let broker = broker_with_queue().await;
    dead_letters(&broker).await;
    limited(&broker, 0, "at-least-once").await;
    for text in ["1", "2", "3"] {
        publish(&broker, "", "limited", text).await;
    }
    fail(&broker, "limited", 2).await;
    assert_eq!(bodies(&broker.queue_messages("limited.dlq")), ["1", "2"]);
    assert_eq!(bodies(&broker.queue_messages("limited")), ["3"]);
}

#[tokio::test]
async fn a_quorum_queue_without_a_limit_has_the_default_limit_of_rabbitmq() {
    let broker = broker_with_queue().await;
    declare(&broker, queue("quorum", [("x-queue-type", text("quorum"))])).await;
    for name in ["quorum", "q"] {
        publish(&broker, "", name, "1").await;
        for _ in 0..20 {
            fail(&broker, name, 1).await;
        }
        assert_eq!(broker.message_count(name), Some(1));
        fail(&broker, name, 1).await;
    }
    assert_eq!(broker.message_count("quorum"), Some(0));
    assert_eq!(broker.message_count("q"), Some(1));
}

#[tokio::test]
async fn a_dead_letter_that_no_queue_accepts_stays_and_is_routed_again() {
    let broker = broker_with_queue().await;
    limited(&broker, 0, "at-least-once").await;
    publish(&broker, "", "limited", "1").await;
    fail(&broker, "limited", 1).await;
    assert_eq!(bodies(&broker.queue_messages("limited")), ["1"]);
    limited(&broker, 0, "at-least-once").await;
    assert!(!jump(&broker).await, "no retry before a new declaration");

    declare(&broker, exchange("dead", ExchangeKind::Direct)).await;
    assert!(jump(&broker).await);
    assert_eq!(broker.clock().elapsed().as_secs(), 180);
    assert_eq!(
        bodies(&broker.queue_messages("limited")),
        ["1"],
        "an exchange without a queue is not enough"
    );

    dead_letters(&broker).await;
    assert_eq!(
        broker.message_count("limited.dlq"),
        Some(0),
        "not at once, as on RabbitMQ"
    );
    assert!(jump(&broker).await);
    assert_eq!(broker.clock().elapsed().as_secs(), 360);
    assert_eq!(bodies(&broker.queue_messages("limited.dlq")), ["1"]);
    assert_eq!(broker.message_count("limited"), Some(0));
    assert!(!jump(&broker).await);
}

#[tokio::test]
async fn an_at_most_once_dead_letter_that_no_queue_accepts_is_lost() {
    let broker = broker_with_queue().await;
    limited(&broker, 0, "at-most-once").await;
    publish(&broker, "", "limited", "1").await;
    fail(&broker, "limited", 1).await;
    assert_eq!(broker.message_count("limited"), Some(0));
}
