//! Event versions: older ones are upcast, newer ones wait for an instance that knows them.

use serde_json::json;

use crate::broker::TestBroker;
use crate::handlers::{PriceSet, Recorder, counts, placed, plain, prices};
use crate::harness::{Harness, start};

fn price(version: u32, data: &serde_json::Value) -> String {
    json!({ "type": "price.set", "version": version, "data": data }).to_string()
}

pub(crate) async fn an_older_version_is_upcast_through_the_whole_chain<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [prices]);
    // The handler checks the upcast event.
    for (version, data) in [
        (1, json!({ "item": "i", "euros": "12" })),
        (2, json!({ "item": "i", "cents": 1_200 })),
        (3, json!({ "item": "i", "cents": 1_200, "currency": "EUR" })),
    ] {
        harness.publish_raw("price.set", &price(version, &data)).await;
        let seen = log.next().await;
        assert_eq!((seen.delivery.version(), seen.attempt()), (version, 1));
    }
    let event = PriceSet {
        item: "i".to_owned(),
        cents: 1_200,
        currency: "EUR".to_owned(),
    };
    harness.bus.publish(&event).await.unwrap();
    assert_eq!(log.next().await.attempt(), 1);
    harness.expect_no_dead_letters("prices").await;
}

pub(crate) async fn a_failed_upcast_is_dead_lettered<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [prices]);
    let broken = price(1, &json!({ "item": "i", "euros": "twelve" }));
    harness.publish_raw("price.set", &broken).await;
    let dead_letter = harness.dead_letter("prices").await;
    dead_letter.expect_reason("upcast-failed", 1);
    dead_letter.expect_error("invalid digit");
    log.expect_nothing();
}

pub(crate) async fn a_newer_version_is_retried_before_it_is_dead_lettered<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [plain]);
    harness
        .publish_raw("order.placed", r#"{"type":"order.placed","version":2,"data":{}}"#)
        .await;
    let dead_letter = harness.dead_letter("plain").await;
    dead_letter.expect_reason("newer-version", 3);
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    log.expect_nothing();
}

pub(crate) async fn an_undeclared_older_version_is_dead_lettered_at_once<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [counts]);
    harness
        .publish_raw(
            "stock.counted",
            r#"{"type":"stock.counted","version":1,"data":{"item":"i"}}"#,
        )
        .await;
    let dead_letter = harness.dead_letter("counts").await;
    dead_letter.expect_reason("unknown-version", 1);
    log.expect_nothing();
}
