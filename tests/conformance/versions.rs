//! Versions: older ones are upcast, newer ones wait for an instance that knows them.

use serde_json::json;

use crate::cast::{Hands, PriceSet, counts, placed, plain, prices};
use crate::fixture::Fixture;
use crate::stage::{Stage, start};

fn price(version: u32, data: &serde_json::Value) -> String {
    json!({ "type": "price.set", "version": version, "data": data }).to_string()
}

pub(crate) async fn an_older_version_is_upcast_through_the_whole_chain<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [prices]);
    // The handler itself looks at what it was given.
    for (version, data) in [
        (1, json!({ "item": "i", "euros": "12" })),
        (2, json!({ "item": "i", "cents": 1_200 })),
        (3, json!({ "item": "i", "cents": 1_200, "currency": "EUR" })),
    ] {
        stage.publish_raw("price.set", &price(version, &data)).await;
        let seen = log.next().await;
        assert_eq!((seen.delivery.version(), seen.attempt()), (version, 1));
    }
    let event = PriceSet {
        item: "i".to_owned(),
        cents: 1_200,
        currency: "EUR".to_owned(),
    };
    stage.bus.publish(&event).await.unwrap();
    assert_eq!(log.next().await.attempt(), 1);
    stage.expect_no_dead_letters("prices").await;
}

pub(crate) async fn a_failing_upcast_is_a_dead_letter<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [prices]);
    let broken = price(1, &json!({ "item": "i", "euros": "twelve" }));
    stage.publish_raw("price.set", &broken).await;
    let letter = stage.dead_letter("prices").await;
    assert_eq!((letter.reason(), letter.attempts()), ("upcast-failed", 1));
    assert!(letter.error().contains("invalid digit"), "{}", letter.error());
    log.expect_nothing();
}

pub(crate) async fn a_newer_version_climbs_the_ladder_before_it_is_dead_lettered<F: Fixture>(
    stage: Stage<F>,
) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [plain]);
    stage
        .publish_raw("order.placed", r#"{"type":"order.placed","version":2,"data":{}}"#)
        .await;
    let letter = stage.dead_letter("plain").await;
    assert_eq!((letter.reason(), letter.attempts()), ("newer-version", 3));
    stage.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    log.expect_nothing();
}

pub(crate) async fn an_older_version_that_no_one_declared_is_dead_lettered_at_once<F: Fixture>(
    stage: Stage<F>,
) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [counts]);
    stage
        .publish_raw(
            "stock.counted",
            r#"{"type":"stock.counted","version":1,"data":{"item":"i"}}"#,
        )
        .await;
    let letter = stage.dead_letter("counts").await;
    assert_eq!((letter.reason(), letter.attempts()), ("unknown-version", 1));
    log.expect_nothing();
}
