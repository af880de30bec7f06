//! Writing events to messages.

use super::{EXCHANGE, KEY, QUEUE, prepared, read, root};
use crate::context::trace::TraceContext;
use crate::event::metadata::EventIdentity;
use crate::event::payload::Unpublishable;
use crate::message::Message;
use crate::message::headers::Headers;
use crate::message::timestamp::Timestamp;
use crate::wire::ids::{derived_event_id, returned_event_id};
use crate::wire::limits::Limits;
use crate::wire::write::{OutgoingMetadata, message, write};

fn written(metadata: &OutgoingMetadata<'_>) -> String {
    let body = write(&prepared(r#"{"total":7}"#), metadata, &Limits::default()).unwrap();
    String::from_utf8(body).unwrap()
}

fn publish(headers: Headers, trace: Option<&TraceContext>) -> Result<Message, Unpublishable> {
    publish_as(&root(), headers, trace)
}

fn publish_as(
    metadata: &OutgoingMetadata<'_>,
    headers: Headers,
    trace: Option<&TraceContext>,
) -> Result<Message, Unpublishable> {
    let limits = Limits::default();
    message(&prepared("{}"), metadata, EXCHANGE, headers, trace, &limits)
}

#[test]
fn an_envelope_is_one_camel_case_object_in_a_fixed_order() {
    let caused = OutgoingMetadata {
        correlation_id: "0193-b",
        causation_id: Some("0193-c"),
        ..root()
    };
    assert_eq!(
        written(&caused),
        r#"{"id":"0193-a","type":"order.created","timestamp":"2025-11-23T10:00:00.123Z","aggregateId":"o-1","correlationId":"0193-b","causationId":"0193-c","version":1,"source":"orders","data":{"total":7}}"#
    );
}

#[test]
fn absent_members_are_not_written() {
    let mut bare = prepared("{}");
    bare.aggregate_id.clear();
    let metadata = OutgoingMetadata {
        source: None,
        ..root()
    };
    let body = write(&bare, &metadata, &Limits::default()).unwrap();
    assert_eq!(
        String::from_utf8(body).unwrap(),
        r#"{"id":"0193-a","type":"order.created","timestamp":"2025-11-23T10:00:00.123Z","correlationId":"0193-a","version":1,"data":{}}"#
    );
}

#[test]
fn the_message_has_the_properties_that_other_services_read() {
    let trace = TraceContext::parse(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        Some("vendor=1"),
    );
    let sent = publish(Headers::from_iter([("tenant", "acme")]), trace.as_ref()).unwrap();
    assert_eq!((&*sent.exchange, &*sent.routing_key), (EXCHANGE, KEY));
    let properties = &sent.properties;
    assert!(properties.persistent());
    assert_eq!(properties.content_type(), Some("application/json"));
    assert_eq!(properties.message_id(), Some("0193-a"));
    assert_eq!(properties.correlation_id(), Some("0193-a"));
    assert_eq!(properties.kind(), Some("order.created"));
    assert_eq!(properties.timestamp(), Some(1_763_892_000));
    assert_eq!(properties.app_id(), Some("orders"));
    assert_eq!(
        (
            properties.user_id(),
            properties.expiration(),
            properties.reply_to()
        ),
        (None, None, None)
    );
    assert_eq!(
        sent.headers,
        Headers::from_iter([
            ("tenant", "acme"),
            (
                "traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            ),
            ("tracestate", "vendor=1"),
        ])
    );
}

#[test]
fn an_id_over_255_bytes_is_only_in_the_envelope() {
    let id = "x".repeat(256);
    let long = OutgoingMetadata {
        correlation_id: &id,
        ..root()
    };
    let sent = publish_as(&long, Headers::new(), None).unwrap();
    assert_eq!(sent.properties.correlation_id(), None);
    assert_eq!(read(&sent).metadata().correlation_id, long.correlation_id);
}

#[test]
fn a_time_before_1970_is_not_in_the_properties() {
    let early = OutgoingMetadata {
        timestamp: Timestamp::from_millis(-1),
        ..root()
    };
    let sent = publish_as(&early, Headers::new(), None).unwrap();
    assert_eq!(sent.properties.timestamp(), None);
    assert_eq!(read(&sent).metadata().timestamp, early.timestamp);
}

#[test]
fn a_body_over_the_size_limit_is_rejected() {
    let limits = Limits {
        max_body_bytes: 200,
        ..Limits::default()
    };
    let data = |bytes: usize| prepared(&format!("\"{}\"", "x".repeat(bytes)));
    let fixed = write(&data(0), &root(), &limits).unwrap().len();
    assert!(write(&data(200 - fixed), &root(), &limits).is_ok());
    match write(&data(201 - fixed), &root(), &limits) {
        Err(Unpublishable::TooLarge {
            bytes: 201,
            limit: 200,
        }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn json_over_the_depth_limit_is_rejected() {
    let deep = |levels: usize| prepared(&format!("{}{}", "[".repeat(levels), "]".repeat(levels)));
    // The envelope itself is one level.
    assert!(write(&deep(127), &root(), &Limits::default()).is_ok());
    match write(&deep(128), &root(), &Limits::default()) {
        Err(Unpublishable::TooDeep { limit: 128 }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn headers_over_the_frame_limit_are_rejected() {
    let big = |bytes: usize| Headers::from_iter([("big", "x".repeat(bytes))]);
    let limit = Limits::default().max_header_bytes;
    let fixed = big(0).wire_size();
    assert!(publish(big(limit - fixed), None).is_ok());
    match publish(big(limit - fixed + 1), None) {
        Err(Unpublishable::HeadersTooLarge { bytes, limit: most }) => {
            assert_eq!((bytes, most), (limit + 1, limit));
        }
        other => panic!("{other:?}"),
    }
    assert!(publish(big(limit - fixed), Some(&TraceContext::new_root())).is_err());
}

#[test]
fn reserved_headers_are_rejected() {
    for name in [
        "tidings-attempt",
        "Tidings-Anything",
        "traceparent",
        "TraceState",
        "CC",
        "BCC",
        "x-death",
        "x-first-death-queue",
        "x-delivery-count",
        "x-acquired-count",
        "ce-specversion",
        "cloudEvents_specversion",
        "cloudevents:SpecVersion",
    ] {
        match publish(Headers::from_iter([(name, "x")]), None) {
            Err(Unpublishable::ReservedHeader { name: refused }) => assert_eq!(refused, name),
            other => panic!("{name}: {other:?}"),
        }
    }
    for name in [
        "tenant",
        "x-tidings-attempt",
        "tiding",
        "ce-type",
        "baggage",
        "ключ",
    ] {
        assert!(publish(Headers::from_iter([(name, "x")]), None).is_ok(), "{name}");
    }
}

#[test]
fn a_header_name_has_1_to_255_bytes() {
    assert!(publish(Headers::from_iter([("n".repeat(255), "x")]), None).is_ok());
    for name in [String::new(), "n".repeat(256)] {
        match publish(Headers::from_iter([(name, "x")]), None) {
            Err(Unpublishable::HeaderName { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}

const CAUSE: EventIdentity<'static> = EventIdentity {
    source: "orders",
    event_type: "order.created",
    id: "42",
};

#[test]
fn a_returned_event_has_the_same_id_each_time_its_handler_runs() {
    let id = returned_event_id(CAUSE, QUEUE, "payment.settled", 0);
    assert_eq!(id, returned_event_id(CAUSE, QUEUE, "payment.settled", 0));
    assert_eq!(id.get_version_num(), 5);
    for other in [
        returned_event_id(EventIdentity { id: "43", ..CAUSE }, QUEUE, "payment.settled", 0),
        returned_event_id(
            EventIdentity {
                event_type: "order.paid",
                ..CAUSE
            },
            QUEUE,
            "payment.settled",
            0,
        ),
        returned_event_id(
            EventIdentity {
                source: "shop",
                ..CAUSE
            },
            QUEUE,
            "payment.settled",
            0,
        ),
        returned_event_id(EventIdentity { source: "", ..CAUSE }, QUEUE, "payment.settled", 0),
        returned_event_id(CAUSE, "payments.other", "payment.settled", 0),
        returned_event_id(CAUSE, QUEUE, "payment.failed", 0),
        returned_event_id(CAUSE, QUEUE, "payment.settled", 1),
    ] {
        assert_ne!(id, other);
    }
}

#[test]
fn moving_a_character_between_two_parts_changes_the_derived_id() {
    assert_ne!(
        derived_event_id("ab", "c", "", None, b"{}"),
        derived_event_id("a", "bc", "", None, b"{}")
    );
    assert_ne!(
        derived_event_id("a", "b", "c", None, b"{}"),
        derived_event_id("a", "b", "", Some("c"), b"{}")
    );
    assert_ne!(
        returned_event_id(CAUSE, "b", "", 0),
        returned_event_id(CAUSE, "", "b", 0)
    );
}

/// These values are part of the wire format: a release that changes them would duplicate events.
#[test]
fn derived_ids_never_change() {
    let derived = derived_event_id(EXCHANGE, KEY, KEY, None, br#"{"orderId":"o-1"}"#);
    assert_eq!(derived.to_string(), "0ee3fb91-3290-53cf-9826-91d36b876fef");
    let returned = returned_event_id(CAUSE, QUEUE, "payment.settled", 0);
    assert_eq!(returned.to_string(), "ca8041b6-ea99-53a7-82c9-fc6616e6db97");
}
