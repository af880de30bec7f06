//! Which events reach which handlers.

use crate::cast::{
    Hands, Shipped, anything, family, paid, placed, plain, shared_paid, shared_placed, ships, wild,
};
use crate::fixture::Fixture;
use crate::stage::{Stage, start};

const PLACED: &str = r#"{"type":"order.placed","data":{"order":"a","number":1}}"#;

pub(crate) async fn a_star_is_exactly_one_word<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [wild]);
    for key in ["order", "order.placed.late", "orders.placed", "order.", "placed"] {
        // An empty word between dots is a word, so one of these is for the handler.
        stage.publish_raw(key, PLACED).await;
    }
    assert_eq!(log.next().await.delivery.routing_key(), "order.");
    stage.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    log.expect_nothing();
}

pub(crate) async fn a_hash_is_any_number_of_words<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [family]);
    let keys = ["order", "order.placed", "order.placed.very.late"];
    for key in keys {
        stage.publish_raw(key, PLACED).await;
        assert_eq!(log.next().await.delivery.routing_key(), key);
    }
    stage.publish_raw("orders.placed", PLACED).await;
    stage.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    log.expect_nothing();
}

pub(crate) async fn a_key_with_fields_reaches_the_handler_of_its_event<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [ships]);
    let (order, region) = ("a".to_owned(), "eu".to_owned());
    stage.bus.publish(&Shipped { order, region }).await.unwrap();
    let seen = log.next().await;
    assert_eq!(seen.delivery.routing_key(), "order.shipped.eu");
    assert_eq!(seen.delivery.aggregate_id(), "a");
}

pub(crate) async fn a_family_takes_each_of_its_events_and_ignores_others<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [family]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    assert_eq!(log.next().await.delivery.event_type(), "order.placed");
    let (order, region) = ("a".to_owned(), "eu".to_owned());
    stage.bus.publish(&Shipped { order, region }).await.unwrap();
    stage.bus.publish(&paid("a", 2)).await.unwrap();
    assert_eq!(log.next().await.delivery.event_type(), "order.paid");
    log.expect_nothing();
    stage.expect_no_dead_letters("family").await;
}

pub(crate) async fn any_event_is_taken_whatever_its_type<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [anything]);
    stage.bus.publish(&paid("a", 1)).await.unwrap();
    assert_eq!(log.next().await.delivery.event_type(), "order.paid");
    stage
        .publish_raw(
            "weather.turned",
            r#"{"type":"weather.turned","data":{"to":"rain"}}"#,
        )
        .await;
    let seen = log.next().await;
    assert_eq!(seen.delivery.event_type(), "weather.turned");
    assert_eq!(seen.delivery.event().json(), r#"{"to":"rain"}"#);
}

pub(crate) async fn a_shared_queue_gives_each_event_to_the_handler_that_takes_it<F: Fixture>(
    stage: Stage<F>,
) {
    let (hands, mut log) = Hands::idle();
    let app = start!(stage, hands, [shared_placed, shared_paid]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    stage.bus.publish(&paid("a", 2)).await.unwrap();
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
    assert_eq!(queues, [stage.queue("shared"), stage.queue("shared")]);
}

pub(crate) async fn two_handlers_of_one_event_each_get_it<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [plain, wild, anything]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    let mut handlers: Vec<String> = log
        .take(3)
        .await
        .iter()
        .map(|seen| seen.handler().to_owned())
        .collect();
    handlers.sort_unstable();
    assert_eq!(handlers, ["anything", "plain", "wild"]);
}
