//! Which handlers receive which events.

use tidings::{HandlerError, HeaderValue, Headers, Properties};

use crate::broker::TestBroker;
use crate::handlers::{
    Recorder, Shipped, anything, family, paid, placed, plain, shared_paid, shared_placed, ships, wild,
};
use crate::harness::{Harness, start};

const PLACED: &str = r#"{"type":"order.placed","data":{"order":"a","number":1}}"#;

pub(crate) async fn a_star_matches_exactly_one_word<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [wild]);
    for key in ["order", "order.placed.late", "orders.placed", "order.", "placed"] {
        // An empty word counts as a word, so `order.` matches.
        harness.publish_raw(key, PLACED).await;
    }
    assert_eq!(log.next().await.delivery.routing_key(), "order.");
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    log.expect_nothing();
}

pub(crate) async fn a_hash_matches_any_number_of_words<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [family]);
    let keys = ["order", "order.placed", "order.placed.very.late"];
    for key in keys {
        harness.publish_raw(key, PLACED).await;
        assert_eq!(log.next().await.delivery.routing_key(), key);
    }
    harness.publish_raw("orders.placed", PLACED).await;
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    log.expect_nothing();
}

pub(crate) async fn a_key_with_fields_reaches_the_handler_of_its_event<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [ships]);
    let (order, region) = ("a".to_owned(), "eu".to_owned());
    harness.bus.publish(&Shipped { order, region }).await.unwrap();
    let seen = log.next().await;
    assert_eq!(seen.delivery.routing_key(), "order.shipped.eu");
    assert_eq!(seen.delivery.aggregate_id(), "a");
}

pub(crate) async fn an_event_that_arrives_by_a_cc_key_is_handled_and_retried<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::new(async |_| Err(HandlerError::retry("once more")));
    let _app = start!(harness, recorder, [plain]);
    let mut headers = Headers::new();
    headers.set("CC", HeaderValue::List(vec![HeaderValue::from("order.placed")]));
    harness
        .publish_as("else", Properties::default(), headers, PLACED.as_bytes())
        .await;
    for attempt in 1..=3 {
        let seen = log.next().await;
        assert_eq!((seen.number, seen.attempt()), (1, attempt));
        assert_eq!(seen.delivery.routing_key(), "else");
    }
    harness.dead_letter("plain").await.expect_reason("failed", 3);
}

pub(crate) async fn an_event_that_arrives_by_a_bcc_key_is_dead_lettered_with_the_advice<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [plain]);
    let mut headers = Headers::new();
    headers.set("BCC", HeaderValue::List(vec![HeaderValue::from("order.placed")]));
    harness
        .publish_as("else", Properties::default(), headers, PLACED.as_bytes())
        .await;
    let dead_letter = harness.dead_letter("plain").await;
    dead_letter.expect_reason("not-ours", 3);
    dead_letter.expect_error("publish with `CC`");
    log.expect_nothing();
}

pub(crate) async fn a_family_takes_each_of_its_events_and_ignores_others<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [family]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    assert_eq!(log.next().await.delivery.event_type(), "order.placed");
    let (order, region) = ("a".to_owned(), "eu".to_owned());
    harness.bus.publish(&Shipped { order, region }).await.unwrap();
    harness.bus.publish(&paid("a", 2)).await.unwrap();
    assert_eq!(log.next().await.delivery.event_type(), "order.paid");
    log.expect_nothing();
    harness.expect_no_dead_letters("family").await;
}

pub(crate) async fn any_event_receives_events_of_every_type<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [anything]);
    harness.bus.publish(&paid("a", 1)).await.unwrap();
    assert_eq!(log.next().await.delivery.event_type(), "order.paid");
    harness
        .publish_raw(
            "weather.turned",
            r#"{"type":"weather.turned","data":{"to":"rain"}}"#,
        )
        .await;
    let seen = log.next().await;
    assert_eq!(seen.delivery.event_type(), "weather.turned");
    assert_eq!(seen.delivery.event().json(), r#"{"to":"rain"}"#);
}

pub(crate) async fn each_event_of_a_shared_queue_goes_to_the_handler_of_its_type<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::idle();
    let app = start!(harness, recorder, [shared_placed, shared_paid]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    harness.bus.publish(&paid("a", 2)).await.unwrap();
    let mut seen: Vec<(String, u32)> = log
        .take(2)
        .await
        .iter()
        .map(|seen| (seen.handler().to_owned(), seen.number))
        .collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [("shared_paid".to_owned(), 2), ("shared_placed".to_owned(), 1)]
    );
    let queues: Vec<String> = app.health().handlers.into_iter().map(|it| it.queue).collect();
    assert_eq!(queues, [harness.queue("shared"), harness.queue("shared")]);
}

pub(crate) async fn every_handler_of_an_event_receives_it<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [plain, wild, anything]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    let mut handlers: Vec<String> = log
        .take(3)
        .await
        .iter()
        .map(|seen| seen.handler().to_owned())
        .collect();
    handlers.sort_unstable();
    assert_eq!(handlers, ["anything", "plain", "wild"]);
}
