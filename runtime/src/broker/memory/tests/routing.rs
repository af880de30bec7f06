//! Routing of messages to queues.

use super::{
    binding, bodies, broker, broker_with_queue, declare, exchange, in_time, message, publish, queue, send,
    send_mandatory,
};
use crate::bus::refusal::Refusal;
use crate::message::headers::HeaderValue;
use crate::topology::{ExchangeKind, ExchangePlan, Plan};

#[tokio::test]
async fn a_topic_exchange_routes_by_pattern_and_once_to_each_queue() {
    let broker = broker();
    declare(&broker, exchange("events", ExchangeKind::Topic)).await;
    for (name, patterns) in [
        ("orders", &["order.*", "order.#", "#"][..]),
        ("paid", &["*.paid"]),
    ] {
        declare(&broker, queue(name, [])).await;
        for pattern in patterns {
            declare(&broker, binding("events", pattern, name)).await;
        }
    }
    publish(&broker, "events", "order.paid", "1").await;
    publish(&broker, "events", "order", "2").await;
    assert_eq!(bodies(&broker.queue_messages("orders")), ["1", "2"]);
    assert_eq!(bodies(&broker.queue_messages("paid")), ["1"]);
}

#[tokio::test]
async fn a_direct_exchange_routes_by_equality_and_a_fanout_to_all() {
    let broker = broker();
    declare(&broker, exchange("direct", ExchangeKind::Direct)).await;
    declare(&broker, exchange("fanout", ExchangeKind::Fanout)).await;
    for name in ["a", "b"] {
        declare(&broker, queue(name, [])).await;
        declare(&broker, binding("direct", name, name)).await;
        declare(&broker, binding("fanout", "", name)).await;
    }
    publish(&broker, "direct", "a", "1").await;
    publish(&broker, "direct", "#", "2").await;
    publish(&broker, "fanout", "any", "3").await;
    assert_eq!(bodies(&broker.queue_messages("a")), ["1", "3"]);
    assert_eq!(bodies(&broker.queue_messages("b")), ["3"]);
}

#[tokio::test]
async fn the_default_exchange_routes_to_the_queue_of_that_name() {
    let broker = broker_with_queue().await;
    publish(&broker, "", "q", "1").await;
    publish(&broker, "", "unknown", "2").await;
    assert_eq!(bodies(&broker.queue_messages("q")), ["1"]);
}

#[tokio::test]
async fn a_message_that_an_exchange_cannot_route_goes_to_its_alternate() {
    let broker = broker();
    let mut plan = exchange("orphans", ExchangeKind::Fanout);
    plan.exchanges.push(ExchangePlan {
        name: "return".to_owned(),
        kind: ExchangeKind::Direct,
        alternate: Some("orphans".to_owned()),
    });
    declare(&broker, plan).await;
    declare(&broker, queue("orphans", [])).await;
    declare(&broker, binding("orphans", "", "orphans")).await;
    assert_eq!(
        send_mandatory(&broker, message("return", "deleted", "1")).await,
        Ok(())
    );
    let orphans = broker.queue_messages("orphans");
    assert_eq!(bodies(&orphans), ["1"]);
    assert_eq!(
        (&*orphans[0].exchange, &*orphans[0].routing_key),
        ("return", "deleted")
    );
}

#[tokio::test]
async fn routing_ends_when_two_exchanges_are_each_others_alternate() {
    let broker = broker();
    for (name, alternate) in [("a", "b"), ("b", "a")] {
        let mut plan = exchange(name, ExchangeKind::Direct);
        plan.exchanges[0].alternate = Some(alternate.to_owned());
        declare(&broker, plan).await;
    }
    let answer = send_mandatory(&broker, message("a", "key", "1")).await;
    assert_eq!(answer, Err(Refusal::Unroutable));
}

#[tokio::test]
async fn a_publish_to_a_missing_exchange_is_refused() {
    let answer = in_time(send(&broker(), message("missing", "key", "1"))).await;
    assert_eq!(answer, Some(Err(Refusal::NoExchange)));
}

#[tokio::test]
async fn an_unroutable_message_is_confirmed_unless_it_is_mandatory() {
    let broker = broker();
    declare(&broker, exchange("events", ExchangeKind::Topic)).await;
    publish(&broker, "events", "key", "1").await;
    let answer = send_mandatory(&broker, message("events", "key", "2")).await;
    assert_eq!(answer, Err(Refusal::Unroutable));
}

#[tokio::test]
async fn the_body_is_shared_between_queues() {
    let broker = broker_with_queue().await;
    declare(&broker, queue("other", [])).await;
    declare(&broker, binding("events", "#", "other")).await;
    publish(&broker, "events", "key", "1").await;
    let (first, second) = (broker.queue_messages("q"), broker.queue_messages("other"));
    assert!(std::sync::Arc::ptr_eq(&first[0], &second[0]));
}

#[tokio::test]
async fn the_headers_cc_and_bcc_route_to_other_queues_as_on_rabbitmq() {
    let broker = broker_with_queue().await;
    for name in ["cc", "bcc"] {
        declare(&broker, queue(name, [])).await;
    }
    let mut copied = message("", "q", "1");
    for (header, key) in [("CC", "cc"), ("BCC", "bcc")] {
        copied.headers.set(header, HeaderValue::List(vec![key.into()]));
    }
    assert_eq!(send_mandatory(&broker, copied).await, Ok(()));
    for name in ["q", "cc", "bcc"] {
        let messages = broker.queue_messages(name);
        assert_eq!(bodies(&messages), ["1"], "{name}");
        assert!(messages[0].headers.get("BCC").is_none(), "BCC is removed");
    }
}

#[tokio::test]
async fn a_deleted_queue_gets_no_messages() {
    let broker = broker_with_queue().await;
    assert!(broker.delete_queue("q"));
    assert!(!broker.delete_queue("q"));
    let answer = send_mandatory(&broker, message("events", "key", "1")).await;
    assert_eq!(answer, Err(Refusal::Unroutable));
    declare(&broker, Plan::default()).await;
    assert!(broker.queue_names().is_empty());
}
