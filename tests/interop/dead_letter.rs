//! Dead letters of foreign messages, as read by foreign services.

use serde_json::{Map, Value, json};
use tidings::{Delivery, Headers};

use crate::event::order;
use crate::fixture::Fixture;
use crate::foreign_service::{ForeignService, OutgoingMessage, hex};
use crate::language::Language::{self, Nest, Node, Python};

#[tokio::test]
async fn a_dead_letter_of_node_keeps_its_body_headers_and_properties() {
    a_dead_letter_keeps_its_body_headers_and_properties(Node).await;
}

#[tokio::test]
async fn a_dead_letter_of_python_keeps_its_body_headers_and_properties() {
    a_dead_letter_keeps_its_body_headers_and_properties(Python).await;
}

async fn a_dead_letter_keeps_its_body_headers_and_properties(language: Language) {
    let fixture = Fixture::new().await;
    let mut failing = fixture.fail_twice().await;
    let mut service = language.start(&fixture.url()).await;
    service.consume("failing.fail.dlq").await;
    // The client receives its own message too, for comparison.
    service.subscribe("control", "order.created").await;
    service.subscribe("copies", "order.copied").await;
    let body = unusual_encoding(&order().envelope);
    service
        .send(&OutgoingMessage {
            options: json!({
                "contentType": "text/plain",
                "contentEncoding": "utf-8",
                "type": "order.created",
                "messageId": "order 17/3",
                "correlationId": "checkout 17",
                "timestamp": 1_764_000_000_123_u64,
                "appId": "web shop",
                // Properties that the broker acts on, and would act on again.
                "userId": "guest",
                "expiration": "60000",
                "priority": 3,
                "replyTo": "answers",
                "CC": ["order.copied"],
            }),
            headers_of_every_type: true,
            ..OutgoingMessage::new("order.created", &body)
        })
        .await;
    let control = service.receive("control").await;
    assert_eq!(control.body, hex(body.as_bytes()));
    let copy = service.receive("copies").await;
    assert_eq!(copy.body, control.body);

    let (_, first) = failing.order().await;
    let (_, second) = failing.order().await;
    assert_eq!((first.attempt(), second.attempt()), (1, 2));
    assert_eq!(second.body(), body.as_bytes());
    assert_eq!(second.last_error(), Some("not now"));
    // The assertion also compares the types of the values, which a client that reads JSON numbers cannot do.
    assert_eq!(foreign(&first), foreign(&second));

    let dead = service.receive("failing.fail.dlq").await;
    assert_eq!(dead.body, control.body);
    let mut headers = control.headers(false);
    assert_eq!(headers.remove("CC"), Some(json!(["order.copied"])));
    assert!(headers.len() >= 10, "{headers:?}");
    assert_eq!(dead.headers(false), headers);
    assert_eq!(dead.properties, republished(&control.properties));
    assert_eq!(
        stable_headers(dead.headers(true)),
        json!({
            "tidings-dead-letter-reason": "failed",
            "tidings-attempts": 2,
            "tidings-error": "not now",
            "tidings-service": "failing",
            "tidings-handler": "fail",
            "tidings-queue": "failing.fail",
            "tidings-original-exchange": "domain_events",
            "tidings-original-routing-key": "order.created",
            "tidings-original-user-id": "guest",
            "tidings-original-expiration": "60000",
            "tidings-original-priority": 3,
            "tidings-original-reply-to": "answers",
            "tidings-original-cc": ["order.copied"],
        })
    );

    // Neither the retry nor the dead letter was copied to the `CC` key, so the next copy is of the next message.
    service.send(&OutgoingMessage::new("order.copied", "{}")).await;
    assert_eq!(service.receive("copies").await.body, hex(b"{}"));
    service.end().await;
    failing.end().await;
    fixture.end().await;
}

/// An envelope that every encoder would change: blanks, escapes, a duplicate name, trailing zeros.
fn unusual_encoding(envelope: &Value) -> String {
    let mut text = serde_json::to_string_pretty(envelope).expect("it is JSON");
    text = text.replacen("order.created", "order\\u002ecreated", 1);
    text.replacen('{', "\t{ \"extra\" : 1.500, \"extra\":\"\\/\",\r\n", 1) + "\n\n"
}

/// The headers that neither Tidings nor the broker sets.
fn foreign(delivery: &Delivery) -> Headers {
    let mut headers = delivery.headers().clone();
    headers.retain(|name, _| {
        let starts = |start| name.starts_with(start);
        !["tidings-", "x-death", "x-first-death-", "x-last-death-", "CC"]
            .into_iter()
            .any(starts)
    });
    headers
}

/// The properties of a republished message, without those that the broker acts on.
fn republished(properties: &Value) -> Value {
    let mut properties = properties.clone();
    let all = properties.as_object_mut().expect("the properties are an object");
    for name in ["userId", "expiration", "priority", "replyTo"] {
        assert!(all.remove(name).is_some(), "{name} was not sent");
    }
    all.insert("deliveryMode".to_owned(), json!(2));
    properties
}

/// Checks the headers that differ each time, and returns the others.
fn stable_headers(mut headers: Map<String, Value>) -> Value {
    // The number by which a returned message is recognized.
    assert!(
        headers
            .remove("tidings-publish")
            .is_none_or(|number| number.is_u64())
    );
    for name in ["tidings-first-received-at", "tidings-dead-lettered-at"] {
        let at = headers.remove(name);
        let at = at
            .as_ref()
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no {name}"));
        assert!(at.parse::<tidings::Timestamp>().is_ok(), "{name}: {at}");
    }
    Value::Object(headers)
}

#[tokio::test]
async fn a_malformed_message_is_dead_lettered_with_its_reason() {
    let fixture = Fixture::new().await;
    let recording = fixture.record().await;
    let mut service = Node.start(&fixture.url()).await;
    service.consume("watch.watch_orders.dlq").await;
    for (body, why) in [
        (
            "",
            "the body is empty; an event is a JSON object with `type` and `data`",
        ),
        (
            "\"order.created\"",
            "the body is a bare JSON string; an event is a JSON object with `type` and `data`",
        ),
        ("{\"type\":\"order.created\",", "the body is not JSON at byte 23"),
    ] {
        service.send(&OutgoingMessage::new("order.created", body)).await;
        check_malformed(&mut service, body, why).await;
    }
    service.end().await;
    recording.end().await;
    fixture.end().await;
}

#[tokio::test]
async fn an_empty_message_of_golevelup_is_dead_lettered_with_its_reason() {
    let fixture = Fixture::new().await;
    let recording = fixture.record().await;
    let mut reader = Node.start(&fixture.url()).await;
    reader.consume("watch.watch_orders.dlq").await;
    let mut nest = Nest.start(&fixture.url()).await;
    nest.execute(json!({ "do": "publishNothing", "key": "order.created" }))
        .await;
    let why = "the body is empty; an event is a JSON object with `type` and `data`";
    check_malformed(&mut reader, "", why).await;
    nest.end().await;
    reader.end().await;
    recording.end().await;
    fixture.end().await;
}

async fn check_malformed(service: &mut ForeignService, body: &str, why: &str) {
    let dead = service.receive("watch.watch_orders.dlq").await;
    assert_eq!(dead.body, hex(body.as_bytes()));
    let headers = dead.headers(true);
    assert_eq!(headers["tidings-dead-letter-reason"], "malformed", "{headers:?}");
    let error = headers["tidings-error"].as_str().unwrap_or_default();
    assert_eq!(error.lines().next(), Some(why), "{error}");
    assert_eq!(headers["tidings-original-routing-key"], "order.created");
    assert_eq!(dead.headers(false), Map::new());
}

#[tokio::test]
async fn a_dead_letter_that_node_moves_back_starts_at_attempt_one() {
    let fixture = Fixture::new().await;
    let mut failing = fixture.fail_twice().await;
    let mut service = Node.start(&fixture.url()).await;
    service.consume("failing.fail.dlq").await;
    let order = order();
    service.publish(&order.envelope).await;
    let first = service.receive("failing.fail.dlq").await;
    service
        .execute(json!({ "do": "putBack", "from": "failing.fail.dlq", "to": "failing.fail" }))
        .await;
    let second = service.receive("failing.fail.dlq").await;
    assert_eq!(first.body, second.body);

    for attempt in [1, 2, 1, 2] {
        let (event, delivery) = failing.order().await;
        assert_eq!((event.data(), delivery.attempt()), (&order.event, attempt));
        assert_eq!(
            (delivery.exchange(), delivery.routing_key()),
            ("domain_events", "order.created")
        );
    }
    service.end().await;
    failing.end().await;
    fixture.end().await;
}
