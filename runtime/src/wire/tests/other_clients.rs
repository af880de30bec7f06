//! Messages as clients in other languages send them.

use super::{KEY, message, read};
use crate::message::Message;
use crate::message::headers::{HeaderValue, Headers};
use crate::message::properties::BorrowedProperties;

const ENVELOPE: &str = r#"{"id":"i-1","type":"order.created","data":{"total":7}}"#;

/// Headers of every AMQP type, under names that the runtime reads.
fn headers_of_every_type() -> Vec<Headers> {
    let values = [
        HeaderValue::Bool(true),
        HeaderValue::I8(-1),
        HeaderValue::U8(1),
        HeaderValue::I16(-1),
        HeaderValue::U16(1),
        HeaderValue::I32(-1),
        HeaderValue::U32(1),
        HeaderValue::I64(i64::MIN),
        HeaderValue::F32(f32::NAN),
        HeaderValue::F64(f64::INFINITY),
        HeaderValue::Decimal {
            scale: 255,
            value: u32::MAX,
        },
        HeaderValue::Text("text".to_owned()),
        HeaderValue::RawText(vec![0xff]),
        HeaderValue::Bytes(vec![0, 1, 2]),
        HeaderValue::Timestamp(u64::MAX),
        HeaderValue::List(vec![HeaderValue::Void, HeaderValue::List(Vec::new())]),
        // A JavaScript `Date` as amqplib writes it.
        HeaderValue::Table(Headers::new()),
        HeaderValue::Void,
    ];
    let names = [
        "x-any",
        "traceparent",
        "tracestate",
        "tidings-attempt",
        "tidings-original-routing-key",
        "tidings-first-received-at",
        "ce-id",
        "cloudEvents_type",
        "x-death",
        "CC",
    ];
    let all = values
        .iter()
        .flat_map(|value| names.map(|name| Headers::from_iter([(name, value.clone())])));
    all.collect()
}

#[test]
fn the_content_type_of_an_envelope_does_not_matter() {
    for content_type in [
        None,
        Some("application/json"),
        Some("application/json; charset=utf-8"),
        Some("text/plain"),
        Some("application/octet-stream"),
        Some("application/xml"),
        Some(""),
        Some("cloudevents"),
        Some("é"),
    ] {
        let mut message = message(ENVELOPE);
        message
            .properties
            .change(|it| it.content_type = content_type.map(ToOwned::to_owned));
        assert_eq!(read(&message).json(), r#"{"total":7}"#, "{content_type:?}");
    }
}

#[test]
fn headers_of_every_type_are_accepted() {
    for headers in headers_of_every_type() {
        let mut message = message(ENVELOPE);
        message.headers = headers;
        assert_eq!(read(&message).metadata().id, "i-1", "{:?}", message.headers);
        assert_eq!(
            crate::context::trace::TraceContext::from_headers(&message.headers),
            None
        );
    }
}

#[test]
fn unusual_values_in_all_properties_are_accepted() {
    let text = Some("anything");
    let unusual = Message {
        properties: BorrowedProperties {
            content_type: text,
            content_encoding: text,
            persistent: false,
            priority: Some(255),
            correlation_id: text,
            reply_to: text,
            expiration: text,
            message_id: text,
            timestamp: Some(u64::MAX),
            kind: text,
            user_id: text,
            app_id: text,
        }
        .into(),
        ..message(ENVELOPE)
    };
    assert_eq!(
        (read(&unusual).event_type(), read(&unusual).json()),
        ("order.created", r#"{"total":7}"#)
    );
}

#[test]
fn the_format_of_the_nestjs_transport_is_read() {
    let event = read(&message(
        r#"{"pattern":"order.shipped","data":{"orderId":"o-1"}}"#,
    ));
    assert_eq!(
        (event.event_type(), event.json()),
        ("order.shipped", r#"{"orderId":"o-1"}"#)
    );
    let event = read(&message(r#"{"pattern":"order.shipped","data":{},"id":"5f"}"#));
    assert_eq!(
        (event.event_type(), event.metadata().id.as_str()),
        ("order.shipped", "5f")
    );
}

#[test]
fn a_nestjs_pattern_that_is_an_object_is_no_type() {
    let event = read(&message(r#"{"pattern":{"cmd":"sum"},"data":[1]}"#));
    assert_eq!((event.event_type(), event.json()), (KEY, "[1]"));
}

#[test]
fn a_type_takes_precedence_over_a_pattern() {
    let event = read(&message(r#"{"pattern":"a","type":"b","data":1}"#));
    assert_eq!(event.event_type(), "b");
}
