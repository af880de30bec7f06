//! Unusual messages of real clients.

use serde_json::json;
use tidings::{HeaderValue, Headers};

use crate::event::order;
use crate::fixture::Fixture;
use crate::foreign_service::OutgoingMessage;
use crate::language::Language::{self, Node, Python};

#[tokio::test]
async fn headers_of_every_type_that_node_can_write_are_read() {
    headers_of_every_type_are_read(Node, &by_node()).await;
}

#[tokio::test]
async fn headers_of_every_type_that_python_can_write_are_read() {
    headers_of_every_type_are_read(Python, &by_both(HeaderValue::I32(1))).await;
}

async fn headers_of_every_type_are_read(language: Language, written: &[(&str, HeaderValue)]) {
    let fixture = Fixture::new().await;
    let mut recording = fixture.record().await;
    let mut service = language.start(&fixture.url()).await;
    let order = order();
    service
        .send(&OutgoingMessage {
            headers_of_every_type: true,
            ..OutgoingMessage::new("order.created", &order.envelope.to_string())
        })
        .await;
    let (event, delivery) = recording.order().await;
    assert_eq!(event.data(), &order.event);
    for (name, value) in written {
        assert_eq!(delivery.headers().get(name), Some(value), "{name}");
    }
    assert_eq!(delivery.headers().len(), written.len());
    service.end().await;
    recording.end().await;
    fixture.end().await;
}

/// The headers that both services write. `one` is the number in the list.
fn by_both(one: HeaderValue) -> Vec<(&'static str, HeaderValue)> {
    let nested = HeaderValue::List(vec![true.into(), HeaderValue::Void]);
    let decimal = HeaderValue::Decimal {
        scale: 2,
        value: 1995,
    };
    vec![
        ("x-bool", true.into()),
        ("x-int32", HeaderValue::I32(70_000)),
        ("x-int64", HeaderValue::I64(5_000_000_000)),
        ("x-decimal", decimal),
        ("x-timestamp", HeaderValue::Timestamp(1_764_000_000)),
        ("x-text", "größer".into()),
        ("x-bytes", HeaderValue::Bytes(vec![0, 255, 7])),
        ("x-list", HeaderValue::List(vec!["a".into(), one, nested])),
        ("x-table", table()),
        ("x-null", HeaderValue::Void),
    ]
}

fn by_node() -> Vec<(&'static str, HeaderValue)> {
    let mut headers = by_both(HeaderValue::I8(1));
    headers.extend([
        ("x-int8", HeaderValue::I8(-7)),
        ("x-int16", HeaderValue::I16(1000)),
        ("x-double", HeaderValue::F64(1.5)),
        ("x-float", HeaderValue::F32(0.25)),
        // A `Date` has no fields.
        ("x-date", HeaderValue::Table(Headers::new())),
    ]);
    headers
}

fn table() -> HeaderValue {
    let inner = Headers::from_iter([("deeper", "still")]);
    HeaderValue::Table(Headers::from_iter([("inner", HeaderValue::Table(inner))]))
}

#[tokio::test]
async fn an_envelope_in_the_properties_with_odd_values_is_read() {
    let fixture = Fixture::new().await;
    let mut recording = fixture.record().await;
    let mut service = Node.start(&fixture.url()).await;
    let order = order();
    // The metadata is in the properties instead of the envelope.
    service
        .send(&OutgoingMessage {
            options: json!({
                "contentType": "text/plain",
                "type": "order.created",
                "messageId": "order 17/3",
                "correlationId": "checkout 17",
                "timestamp": 1_764_000_000_123_u64,
            }),
            ..OutgoingMessage::new("order.created", &json!({ "data": order.event }).to_string())
        })
        .await;
    let (event, delivery) = recording.order().await;
    assert_eq!(event.data(), &order.event);
    assert_eq!(
        (event.id(), event.correlation_id()),
        ("order 17/3", "checkout 17")
    );
    assert_eq!(event.timestamp().to_string(), "2025-11-24T16:00:00.123Z");
    assert_eq!(delivery.properties().content_type.as_deref(), Some("text/plain"));
    assert!(!event.metadata().id_is_derived);
    service.end().await;
    recording.end().await;
    fixture.end().await;
}

#[tokio::test]
async fn the_type_property_takes_precedence_over_the_routing_key() {
    let fixture = Fixture::new().await;
    let mut recording = fixture.record().await;
    let mut service = Node.start(&fixture.url()).await;
    service
        .send(&OutgoingMessage {
            options: json!({ "type": "parcel.sent" }),
            ..OutgoingMessage::new("shipment.eu", "{\"data\":{}}")
        })
        .await;
    let (event, _) = recording.rest().await;
    assert_eq!(
        (event.event_type(), event.routing_key()),
        ("parcel.sent", "shipment.eu")
    );
    service.end().await;
    recording.end().await;
    fixture.end().await;
}

#[tokio::test]
async fn data_without_an_envelope_has_the_same_derived_id_at_every_handler_and_attempt() {
    let fixture = Fixture::new().await;
    let mut recording = fixture.record().await;
    let mut failing = fixture.fail_twice().await;
    let mut service = Node.start(&fixture.url()).await;
    let order = order();
    let body = serde_json::to_string(&order.event).expect("it is JSON");
    service.send(&OutgoingMessage::new("order.created", &body)).await;

    let (event, _) = recording.order().await;
    let (first, delivery) = failing.order().await;
    assert_eq!((event.data(), delivery.attempt()), (&order.event, 1));
    let (second, delivery) = failing.order().await;
    assert_eq!((second.data(), delivery.attempt()), (&order.event, 2));
    assert_eq!((event.id(), first.id()), (first.id(), second.id()));
    assert!(event.metadata().id_is_derived && second.metadata().id_is_derived);
    service.end().await;
    failing.end().await;
    recording.end().await;
    fixture.end().await;
}
