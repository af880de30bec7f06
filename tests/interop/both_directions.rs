//! Services in every language publish events to our handlers and receive ours.

use serde_json::{Value, json};
use tidings::Properties;
use uuid::Uuid;

use crate::event::{order, payment};
use crate::fixture::Fixture;
use crate::foreign_service::{ForeignService, ReceivedMessage, hex};
use crate::language::Language::{self, Nest, Node, Python};

#[tokio::test]
async fn an_order_from_node_reaches_our_handler_with_every_field() {
    a_foreign_order_reaches_our_handler(Node).await;
}

#[tokio::test]
async fn an_order_from_nest_reaches_our_handler_with_every_field() {
    a_foreign_order_reaches_our_handler(Nest).await;
}

#[tokio::test]
async fn an_order_from_python_reaches_our_handler_with_every_field() {
    a_foreign_order_reaches_our_handler(Python).await;
}

#[tokio::test]
async fn our_payment_reaches_node_with_every_field() {
    our_payment_reaches_a_foreign_service(Node).await;
}

#[tokio::test]
async fn our_payment_reaches_nest_with_every_field() {
    our_payment_reaches_a_foreign_service(Nest).await;
}

#[tokio::test]
async fn our_payment_reaches_python_with_every_field() {
    our_payment_reaches_a_foreign_service(Python).await;
}

async fn a_foreign_order_reaches_our_handler(language: Language) {
    let fixture = Fixture::new().await;
    let mut recording = fixture.record().await;
    // The exchange exists, and the foreign service declares it with the same arguments.
    let mut service = language.start(&fixture.url()).await;
    let theirs = order();
    service.publish(&theirs.envelope).await;

    let (event, delivery) = recording.order().await;
    assert_eq!(event.data(), &theirs.event);
    let metadata = event.metadata();
    let found = json!({
        "id": metadata.id,
        "type": metadata.event_type,
        "timestamp": metadata.timestamp.to_string(),
        "aggregateId": metadata.aggregate_id,
        "correlationId": metadata.correlation_id,
        "causationId": metadata.causation_id,
        "version": metadata.version,
        "source": metadata.source,
        "data": event.data(),
    });
    assert_eq!(found, theirs.envelope);
    assert!(!metadata.id_is_derived);

    assert_eq!(
        (delivery.exchange(), delivery.routing_key()),
        ("domain_events", "order.created")
    );
    assert_eq!((delivery.attempt(), delivery.redelivered()), (1, false));
    // The message has neither properties nor headers.
    assert_eq!(delivery.properties(), &Properties::default());
    assert!(delivery.headers().is_empty(), "{:?}", delivery.headers());
    service.end().await;
    recording.end().await;
    fixture.end().await;
}

async fn our_payment_reaches_a_foreign_service(language: Language) {
    let fixture = Fixture::new().await;
    // In this test, the foreign service declares the exchange.
    let mut service = language.start(&fixture.url()).await;
    let queue = payments(language, &mut service).await;
    let payment = payment();
    let id = fixture
        .bus()
        .await
        .publish(&payment)
        .await
        .expect("the broker confirms the payment");

    let received = service.receive(queue).await;
    assert_eq!(id.parse::<Uuid>().map(|id| id.get_version_num()), Ok(7));
    let timestamp = timestamp(&received);
    assert_eq!(
        received.event,
        json!({
            "id": id,
            "type": "payment.settled",
            "timestamp": timestamp,
            "aggregateId": payment.order_id,
            // An event without a cause has no `causationId` and correlates with itself.
            "correlationId": id,
            "version": 1,
            "source": "tests",
            "data": { "orderId": payment.order_id, "amountCents": 9_007_199_254_740_991_u64, "method": null },
        })
    );
    assert_eq!(received.properties, properties(&received.event));
    assert_eq!(
        received.headers.clone().unwrap_or_default().len(),
        0,
        "{received:?}"
    );
    assert_eq!(
        (received.exchange.as_str(), received.key.as_str()),
        ("domain_events", "payment.settled")
    );
    // The language parsed the whole JSON, and the body is compact.
    let body = String::from_utf8(received_bytes(&received)).expect("the body is UTF-8");
    assert_eq!(
        serde_json::from_str::<Value>(&body).expect("the body is JSON"),
        received.event
    );
    assert!(
        body.starts_with(&format!(r#"{{"id":"{id}","type":"payment.settled","#)),
        "{body}"
    );
    service.end().await;
    fixture.end().await;
}

/// Makes the service consume payments. Returns the queue.
pub(crate) async fn payments(language: Language, service: &mut ForeignService) -> &'static str {
    if language == Nest {
        // The Nest service subscribes in a decorator.
        return "nest.payments";
    }
    service.subscribe("billing", "payment.*").await;
    "billing"
}

/// Returns the time of the event and checks its format: RFC 3339 with milliseconds and a `Z`, as JavaScript writes it.
pub(crate) fn timestamp(received: &ReceivedMessage) -> String {
    let timestamp = received.event["timestamp"]
        .as_str()
        .expect("there is a timestamp");
    // The language parsed the time and wrote it again.
    assert_eq!(received.instant.as_deref(), Some(timestamp));
    assert_eq!(
        (timestamp.len(), timestamp.ends_with('Z')),
        (24, true),
        "{timestamp}"
    );
    timestamp.to_owned()
}

/// The expected properties of an event.
pub(crate) fn properties(event: &Value) -> Value {
    let timestamp: tidings::Timestamp = event["timestamp"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .expect("there is a timestamp");
    json!({
        "contentType": "application/json",
        "deliveryMode": 2,
        "messageId": event["id"],
        "correlationId": event["correlationId"],
        "type": event["type"],
        "timestamp": timestamp.as_millis() / 1000,
        "appId": event["source"],
    })
}

fn received_bytes(received: &ReceivedMessage) -> Vec<u8> {
    let digits = received.body.as_bytes().chunks(2);
    let bytes: Vec<u8> = digits
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("the body is hexadecimal");
            u8::from_str_radix(pair, 16).expect("the body is hexadecimal")
        })
        .collect();
    assert_eq!(hex(&bytes), received.body);
    bytes
}
