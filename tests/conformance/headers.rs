//! What a delivery carries through its retries, and what of it is believed.

use std::collections::BTreeMap;

use tidings::{HandlerError, HeaderValue, Headers, Properties};

use crate::cast::{Hands, placed, plain};
use crate::fixture::Fixture;
use crate::stage::{Stage, start};

/// A body that any re-encoding would change.
const BODY: &str =
    "{ \"data\": {\"number\":1,   \"order\":\"\\u0061\", \"x\":1.0e2},\n\"type\":\"order.placed\" }";

/// Headers of every kind.
fn foreign() -> Headers {
    let mut inner = Headers::new();
    inner.set("deep", HeaderValue::Void);
    let mut headers = Headers::new();
    for (name, value) in [
        ("x-tenant", HeaderValue::Text("acme".to_owned())),
        ("x-flag", HeaderValue::Bool(true)),
        ("x-i8", HeaderValue::I8(-8)),
        ("x-u8", HeaderValue::U8(8)),
        ("x-i16", HeaderValue::I16(-16)),
        ("x-u16", HeaderValue::U16(16)),
        ("x-i32", HeaderValue::I32(-32)),
        ("x-u32", HeaderValue::U32(32)),
        ("x-i64", HeaderValue::I64(-64)),
        ("x-f32", HeaderValue::F32(1.5)),
        ("x-f64", HeaderValue::F64(2.5)),
        ("x-decimal", HeaderValue::Decimal { scale: 2, value: 314 }),
        ("x-raw", HeaderValue::RawText(vec![0xff, 0xfe])),
        ("x-bytes", HeaderValue::Bytes(vec![0, 1, 2])),
        ("x-time", HeaderValue::Timestamp(1_700_000_000)),
        (
            "x-list",
            HeaderValue::List(vec![HeaderValue::I32(1), HeaderValue::Void]),
        ),
        ("x-table", HeaderValue::Table(inner)),
        ("x-void", HeaderValue::Void),
    ] {
        headers.set(name, value);
    }
    headers
}

/// The headers of neither us nor the broker, by name: no broker promises to keep their order.
fn without_ours(headers: &Headers) -> BTreeMap<&str, &HeaderValue> {
    headers
        .iter()
        .filter(|(name, _)| {
            !name.starts_with("tidings-") && !name.starts_with("x-death") && !is_brokers(name)
        })
        .collect()
}

/// What the broker itself adds to a message that it dead-letters or hands out again.
fn is_brokers(name: &str) -> bool {
    ["x-first-death-", "x-last-death-", "x-delivery-", "x-acquired-"]
        .iter()
        .any(|start| name.starts_with(start))
}

pub(crate) async fn a_retry_keeps_the_body_and_every_foreign_header<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::new(async |_| Err(HandlerError::retry("once more")));
    let _app = start!(stage, hands, [plain]);
    let properties = Properties {
        content_type: Some("application/json; charset=utf-8".to_owned()),
        correlation_id: Some("c-1".to_owned()),
        message_id: Some("m-1".to_owned()),
        timestamp: Some(1_700_000_000),
        kind: Some("order.placed".to_owned()),
        app_id: Some("elsewhere".to_owned()),
        ..Properties::default()
    };
    stage
        .publish_as("order.placed", properties.clone(), foreign(), BODY.as_bytes())
        .await;
    for attempt in 1..=3 {
        let seen = log.next().await;
        let delivery = &seen.delivery;
        assert_eq!((delivery.attempt(), delivery.id()), (attempt, "m-1"));
        assert_eq!(std::str::from_utf8(delivery.body()).unwrap(), BODY);
        assert_eq!(without_ours(delivery.headers()), without_ours(&foreign()));
        let persistent = delivery.properties().persistent;
        assert_eq!(
            *delivery.properties(),
            Properties {
                persistent,
                ..properties.clone()
            }
        );
    }
    let letter = stage.dead_letter("plain").await;
    assert_eq!(letter.body(), BODY);
    assert_eq!(without_ours(&letter.0.headers), without_ours(&foreign()));
}

pub(crate) async fn what_the_broker_would_act_on_again_is_carried_and_not_set<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::new(async |_| Err(HandlerError::reject("no")));
    let _app = start!(stage, hands, [plain]);
    let properties = Properties {
        priority: Some(3),
        reply_to: Some("answers".to_owned()),
        expiration: Some("60000".to_owned()),
        ..Properties::default()
    };
    let mut headers = Headers::new();
    headers.set("CC", HeaderValue::List(vec![HeaderValue::from("no.one.listens")]));
    stage
        .publish_as("order.placed", properties, headers, BODY.as_bytes())
        .await;
    log.next().await;
    let letter = stage.dead_letter("plain").await;
    let kept = &letter.0.properties;
    assert_eq!(
        (&kept.priority, &kept.reply_to, &kept.expiration),
        (&None, &None, &None)
    );
    assert!(letter.0.headers.get("CC").is_none());
    assert_eq!(letter.text("tidings-original-reply-to"), "answers");
    assert_eq!(letter.text("tidings-original-expiration"), "60000");
    assert!(letter.0.headers.get("tidings-original-priority").is_some());
    assert!(letter.0.headers.get("tidings-original-cc").is_some());
}

pub(crate) async fn a_forged_attempt_is_not_believed<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::new(async |_| Err(HandlerError::retry("once more")));
    let _app = start!(stage, hands, [plain]);
    let mut headers = Headers::new();
    headers.set("tidings-attempt", 3_i64);
    headers.set("tidings-error", "forged");
    headers.set("tidings-original-routing-key", "order.forged");
    headers.set("tidings-original-exchange", "forged");
    headers.set("tidings-first-received-at", "2001-01-01T00:00:00Z");
    stage
        .publish_as("order.placed", Properties::default(), headers, BODY.as_bytes())
        .await;
    for attempt in 1..=3 {
        let seen = log.next().await;
        assert_eq!(seen.attempt(), attempt);
        assert_eq!(seen.delivery.routing_key(), "order.placed");
        assert_eq!(seen.delivery.exchange(), stage.exchange);
        assert_ne!(seen.delivery.last_error(), Some("forged"));
        assert!(!seen.delivery.first_received_at().to_string().starts_with("2001"));
    }
    let letter = stage.dead_letter("plain").await;
    assert_eq!(letter.attempts(), 3);
    assert_eq!(letter.text("tidings-original-routing-key"), "order.placed");
}

pub(crate) async fn a_shovelled_dead_letter_starts_anew_and_is_judged_by_its_own_key<F: Fixture>(
    stage: Stage<F>,
) {
    let (hands, mut log) = Hands::new(async |_| Err(HandlerError::retry("once more")));
    let app = start!(stage, hands, [plain]);
    let id = stage.bus.publish(&placed("a", 1)).await.unwrap();
    log.take(3).await;
    let letter = stage.dead_letter("plain").await;
    app.shutdown().await.unwrap();

    let _app = start!(stage, hands.with_script(async |_| Ok(Vec::new())), [plain]);
    let queue = stage.queue("plain");
    let dead = letter.0;
    stage
        .broker
        .publish("", &queue, dead.properties, dead.headers, &dead.body)
        .await;
    let again = log.next().await;
    assert_eq!((again.number, again.attempt()), (1, 1));
    assert_eq!(again.delivery.id(), id);
    assert_eq!(again.delivery.routing_key(), "order.placed");
    assert_eq!(again.delivery.exchange(), stage.exchange);
    assert_eq!(again.delivery.last_error(), None);
}

pub(crate) async fn an_event_put_straight_into_a_queue_is_its_handlers<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [plain]);
    let queue = stage.queue("plain");
    stage
        .broker
        .publish("", &queue, Properties::default(), Headers::new(), BODY.as_bytes())
        .await;
    let seen = log.next().await;
    assert_eq!((seen.number, seen.attempt()), (1, 1));
    stage.expect_no_dead_letters("plain").await;
}
