//! Headers and properties in retries and dead letters, and the headers that are trusted.

use std::collections::BTreeMap;

use tidings::{HandlerError, HeaderValue, Headers, Properties};

use crate::broker::TestBroker;
use crate::handlers::{Recorder, placed, plain};
use crate::harness::{Harness, start};

/// A body that would change if it were encoded again.
const BODY: &str =
    "{ \"data\": {\"number\":1,   \"order\":\"\\u0061\", \"x\":1.0e2},\n\"type\":\"order.placed\" }";

/// A header of every type.
fn foreign_headers() -> Headers {
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

/// The headers that neither Tidings nor the broker sets, by name, because no broker keeps their order.
fn foreign_only(headers: &Headers) -> BTreeMap<&str, &HeaderValue> {
    headers
        .iter()
        .filter(|(name, _)| {
            !name.starts_with("tidings-") && !name.starts_with("x-death") && !is_set_by_broker(name)
        })
        .collect()
}

/// The headers that the broker adds when it dead-letters or redelivers a message.
fn is_set_by_broker(name: &str) -> bool {
    ["x-first-death-", "x-last-death-", "x-delivery-", "x-acquired-"]
        .iter()
        .any(|start| name.starts_with(start))
}

pub(crate) async fn a_retry_keeps_the_body_and_every_foreign_header<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::new(async |_| Err(HandlerError::retry("once more")));
    let _app = start!(harness, recorder, [plain]);
    let properties = Properties {
        content_type: Some("application/json; charset=utf-8".to_owned()),
        correlation_id: Some("c-1".to_owned()),
        message_id: Some("m-1".to_owned()),
        timestamp: Some(1_700_000_000),
        kind: Some("order.placed".to_owned()),
        app_id: Some("elsewhere".to_owned()),
        ..Properties::default()
    };
    harness
        .publish_as(
            "order.placed",
            properties.clone(),
            foreign_headers(),
            BODY.as_bytes(),
        )
        .await;
    for attempt in 1..=3 {
        let seen = log.next().await;
        let delivery = &seen.delivery;
        assert_eq!((delivery.attempt(), delivery.id()), (attempt, "m-1"));
        assert_eq!(std::str::from_utf8(delivery.body()).unwrap(), BODY);
        assert_eq!(foreign_only(delivery.headers()), foreign_only(&foreign_headers()));
        let persistent = delivery.properties().persistent;
        assert_eq!(
            *delivery.properties(),
            Properties {
                persistent,
                ..properties.clone()
            }
        );
    }
    let dead_letter = harness.dead_letter("plain").await;
    assert_eq!(dead_letter.body(), BODY);
    assert_eq!(
        foreign_only(&dead_letter.0.headers),
        foreign_only(&foreign_headers())
    );
}

pub(crate) async fn properties_that_the_broker_acts_on_are_kept_as_headers_only<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::new(async |_| Err(HandlerError::reject("no")));
    let _app = start!(harness, recorder, [plain]);
    let properties = Properties {
        priority: Some(3),
        reply_to: Some("answers".to_owned()),
        expiration: Some("60000".to_owned()),
        ..Properties::default()
    };
    let mut headers = Headers::new();
    headers.set("CC", HeaderValue::List(vec![HeaderValue::from("no.one.listens")]));
    harness
        .publish_as("order.placed", properties, headers, BODY.as_bytes())
        .await;
    log.next().await;
    let dead_letter = harness.dead_letter("plain").await;
    let kept = &dead_letter.0.properties;
    assert_eq!(
        (&kept.priority, &kept.reply_to, &kept.expiration),
        (&None, &None, &None)
    );
    assert!(dead_letter.0.headers.get("CC").is_none());
    assert_eq!(dead_letter.text("tidings-original-reply-to"), "answers");
    assert_eq!(dead_letter.text("tidings-original-expiration"), "60000");
    assert!(dead_letter.0.headers.get("tidings-original-priority").is_some());
    assert!(dead_letter.0.headers.get("tidings-original-cc").is_some());
}

pub(crate) async fn a_forged_attempt_header_is_ignored<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::new(async |_| Err(HandlerError::retry("once more")));
    let _app = start!(harness, recorder, [plain]);
    let mut headers = Headers::new();
    headers.set("tidings-attempt", 3_i64);
    headers.set("tidings-error", "forged");
    headers.set("tidings-original-routing-key", "order.forged");
    headers.set("tidings-original-exchange", "forged");
    headers.set("tidings-first-received-at", "2001-01-01T00:00:00Z");
    harness
        .publish_as("order.placed", Properties::default(), headers, BODY.as_bytes())
        .await;
    for attempt in 1..=3 {
        let seen = log.next().await;
        assert_eq!(seen.attempt(), attempt);
        assert_eq!(seen.delivery.routing_key(), "order.placed");
        assert_eq!(seen.delivery.exchange(), harness.exchange);
        assert_ne!(seen.delivery.last_error(), Some("forged"));
        assert!(!seen.delivery.first_received_at().to_string().starts_with("2001"));
    }
    let dead_letter = harness.dead_letter("plain").await;
    assert_eq!(dead_letter.attempts(), 3);
    assert_eq!(dead_letter.text("tidings-original-routing-key"), "order.placed");
}

pub(crate) async fn a_shovelled_dead_letter_starts_at_attempt_one_under_its_original_key<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::new(async |_| Err(HandlerError::retry("once more")));
    let app = start!(harness, recorder, [plain]);
    let id = harness.bus.publish(&placed("a", 1)).await.unwrap();
    log.take(3).await;
    let dead_letter = harness.dead_letter("plain").await;
    app.shutdown().await.unwrap();

    let _app = start!(harness, recorder.with_script(async |_| Ok(Vec::new())), [plain]);
    let queue = harness.queue("plain");
    let dead = dead_letter.0;
    harness
        .broker
        .publish("", &queue, dead.properties, dead.headers, &dead.body)
        .await;
    let again = log.next().await;
    assert_eq!((again.number, again.attempt()), (1, 1));
    assert_eq!(again.delivery.id(), id);
    assert_eq!(again.delivery.routing_key(), "order.placed");
    assert_eq!(again.delivery.exchange(), harness.exchange);
    assert_eq!(again.delivery.last_error(), None);
}

pub(crate) async fn an_event_published_directly_to_a_queue_is_handled<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [plain]);
    let queue = harness.queue("plain");
    harness
        .broker
        .publish("", &queue, Properties::default(), Headers::new(), BODY.as_bytes())
        .await;
    let seen = log.next().await;
    assert_eq!((seen.number, seen.attempt()), (1, 1));
    harness.expect_no_dead_letters("plain").await;
}
