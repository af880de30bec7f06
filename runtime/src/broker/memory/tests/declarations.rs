//! Declarations, and conflicts between them.

use std::error::Error as _;

use super::{binding, bodies, broker, broker_with_queue, declare, exchange, publish, queue, shop_plan};
use crate::broker::Broker;
use crate::error::{Drift, Error};
use crate::topology::{Argument, ExchangeKind};

fn drift(error: &Error) -> (&str, &str, &str) {
    let drift: &Drift = error.source().unwrap().downcast_ref().unwrap();
    (&drift.argument, &drift.found, &drift.wanted)
}

#[tokio::test]
async fn declaring_the_plan_of_a_service_twice_changes_nothing() {
    let broker = broker();
    let plan = shop_plan();
    declare(&broker, plan.clone()).await;
    publish(&broker, "domain_events", "order.created", "1").await;
    declare(&broker, plan).await;
    assert_eq!(bodies(&broker.queue_messages("shop.pay")), ["1"]);
    assert_eq!(broker.queue_names(), ["shop.orphans", "shop.pay", "shop.pay.dlq"]);
    publish(&broker, "domain_events", "order.created", "2").await;
    assert_eq!(broker.message_count("shop.pay"), Some(2), "bound once, not twice");
}

#[tokio::test]
async fn a_queue_with_another_argument_is_a_drift_with_both_values() {
    let broker = broker();
    declare(&broker, queue("q", [("x-delivery-limit", Argument::Number(50))])).await;
    let error = broker
        .declare(&queue("q", [("x-delivery-limit", Argument::Number(20))]))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot declare queue `q`");
    assert_eq!(drift(&error), ("x-delivery-limit", "50", "20"));
    let error = broker.declare(&queue("q", [])).await.unwrap_err();
    assert_eq!(drift(&error), ("x-delivery-limit", "50", "none"));
    let single = [
        ("x-delivery-limit", Argument::Number(50)),
        ("x-single-active-consumer", Argument::Flag(true)),
    ];
    let error = broker.declare(&queue("q", single)).await.unwrap_err();
    assert_eq!(drift(&error), ("x-single-active-consumer", "none", "true"));
}

#[tokio::test]
async fn an_exchange_of_another_type_or_alternate_is_a_drift_too() {
    let broker = broker();
    declare(&broker, exchange("e", ExchangeKind::Topic)).await;
    let error = broker
        .declare(&exchange("e", ExchangeKind::Fanout))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot declare exchange `e`");
    assert_eq!(drift(&error), ("type", "topic", "fanout"));
    let mut plan = exchange("e", ExchangeKind::Topic);
    plan.exchanges[0].alternate = Some("orphans".to_owned());
    let error = broker.declare(&plan).await.unwrap_err();
    assert_eq!(drift(&error), ("alternate-exchange", "none", "orphans"));
}

#[tokio::test]
async fn a_topic_exchange_with_an_alternate_is_used_as_it_is() {
    let broker = broker();
    let mut plan = exchange("e", ExchangeKind::Topic);
    plan.exchanges[0].alternate = Some("orphans".to_owned());
    declare(&broker, plan).await;
    declare(&broker, exchange("e", ExchangeKind::Topic)).await;
}

#[tokio::test]
async fn a_binding_needs_its_exchange_and_its_queue() {
    let broker = broker_with_queue().await;
    for (plan, why) in [
        (binding("missing", "#", "q"), "exchange `missing` does not exist"),
        (
            binding("events", "#", "missing"),
            "queue `missing` does not exist",
        ),
    ] {
        let error = broker.declare(&plan).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot declare binding `#`");
        assert_eq!(error.source().unwrap().to_string(), why);
    }
}

#[tokio::test]
async fn a_binding_that_rabbitmq_refuses_is_refused_here() {
    let broker = broker_with_queue().await;
    declare(&broker, binding("events", "#.a.#", "q")).await;
    declare(&broker, binding("events", &"x".repeat(255), "q")).await;
    for pattern in ["#.a.#.b.#", &"x".repeat(256)] {
        assert!(broker.declare(&binding("events", pattern, "q")).await.is_err());
    }
    // Only topic exchanges interpret their patterns.
    declare(&broker, exchange("direct", ExchangeKind::Direct)).await;
    declare(&broker, binding("direct", "#.#.#", "q")).await;
}
