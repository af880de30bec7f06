//! Dead letters of foreign messages, as the foreign services find them.

use serde_json::{Map, Value, json};
use tidings::{Delivery, Headers};

use crate::event::order;
use crate::fixture::Fixture;
use crate::foreign_service::{ForeignService, OutgoingMessage, hex};
use crate::language::Language::{self, Nest, Node, Python};

#[tokio::test]
async fn a_dead_letter_from_node_is_found_as_it_was_sent() {
    a_dead_letter_is_found_as_it_was_sent(Node).await;
}

#[tokio::test]
async fn a_dead_letter_from_python_is_found_as_it_was_sent() {
    a_dead_letter_is_found_as_it_was_sent(Python).await;
}

async fn a_dead_letter_is_found_as_it_was_sent(language: Language) {
    let fixture = Fixture::new().await;
    let mut failing = fixture.fail_twice().await;
    let mut service = language.start(&fixture.url()).await;
    service.consume("failing.fail.dlq").await;
    // What the client itself makes of its message, to compare with.
    service.subscribe("control", "order.created").await;
    service.subscribe("copies", "order.copied").await;
    let body = loose(&order().envelope);
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
                // What a broker acts on, and would act on again.
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
    assert_eq!(second.last_error(), Some("the till is shut"));
    // Each with its type, which a client that reads JSON numbers cannot tell.
    assert_eq!(foreign(&first), foreign(&second));

    let dead = service.receive("failing.fail.dlq").await;
    assert_eq!(dead.body, control.body);
    let mut headers = control.headers(false);
    assert_eq!(headers.remove("CC"), Some(json!(["order.copied"])));
    assert!(headers.len() >= 10, "{headers:?}");
    assert_eq!(dead.headers(false), headers);
    assert_eq!(dead.properties, republished(&control.properties));
    assert_eq!(
        untimed(dead.headers(true)),
        json!({
            "tidings-dead-letter-reason": "failed",
            "tidings-attempts": 2,
            "tidings-error": "the till is shut",
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

    // Neither the retry nor the dead letter was copied to whom the order had been: the next copy is of the next order.
    service.send(&OutgoingMessage::new("order.copied", "{}")).await;
    assert_eq!(service.receive("copies").await.body, hex(b"{}"));
    service.end().await;
    failing.end().await;
    fixture.end().await;
}

/// The envelope as no program would write it again: blanks, escapes, a name twice, a number with zeros.
fn loose(envelope: &Value) -> String {
    let mut text = serde_json::to_string_pretty(envelope).expect("it is JSON");
    text = text.replacen("order.created", "order\\u002ecreated", 1);
    text.replacen('{', "\t{ \"extra\" : 1.500, \"extra\":\"\\/\",\r\n", 1) + "\n\n"
}

/// The headers that are neither ours nor the broker's.
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

/// What is left of the properties when a message was sent on: all but what a broker would act on.
fn republished(properties: &Value) -> Value {
    let mut properties = properties.clone();
    let all = properties.as_object_mut().expect("they are named");
    for name in ["userId", "expiration", "priority", "replyTo"] {
        assert!(all.remove(name).is_some(), "{name} was not sent");
    }
    all.insert("deliveryMode".to_owned(), json!(2));
    properties
}

/// Our headers without those that differ each time, which are looked at for themselves.
fn untimed(mut headers: Map<String, Value>) -> Value {
    // What a return of the message would be known by.
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
async fn what_is_no_event_is_a_dead_letter_that_says_why() {
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
        is_malformed(&mut service, body, why).await;
    }
    service.end().await;
    recording.end().await;
    fixture.end().await;
}

#[tokio::test]
async fn nothing_at_all_from_golevelup_is_a_dead_letter_that_says_why() {
    let fixture = Fixture::new().await;
    let recording = fixture.record().await;
    let mut reader = Node.start(&fixture.url()).await;
    reader.consume("watch.watch_orders.dlq").await;
    let mut nest = Nest.start(&fixture.url()).await;
    nest.execute(json!({ "do": "publishNothing", "key": "order.created" }))
        .await;
    let why = "the body is empty; an event is a JSON object with `type` and `data`";
    is_malformed(&mut reader, "", why).await;
    nest.end().await;
    reader.end().await;
    recording.end().await;
    fixture.end().await;
}

async fn is_malformed(service: &mut ForeignService, body: &str, why: &str) {
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
async fn a_dead_letter_that_node_puts_back_starts_at_its_first_attempt() {
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
