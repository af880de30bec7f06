//! Property tests: no message makes the reader panic, and written events are read back unchanged.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::{EXCHANGE, QUEUE, RETURN, message, prepared, read};
use crate::event::payload::Prepared;
use crate::message::headers::{HeaderValue, Headers};
use crate::message::properties::Properties;
use crate::message::timestamp::Timestamp;
use crate::message::{Content, Message};
use crate::wire::invariants;
use crate::wire::limits::Limits;
use crate::wire::write::{self, OutgoingMetadata};

/// The quoted name of a member.
fn member_name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "id",
            "type",
            "pattern",
            "timestamp",
            "aggregateId",
            "correlationId",
            "causationId",
            "version",
            "source",
            "data",
            "specversion",
            "time",
            "subject",
            "data_base64",
            "dataschema",
        ])
        .prop_map(|name| format!("\"{name}\"")),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ]
}

/// JSON of any shape, a few levels deep.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        "-?[1-9][0-9]{0,40}(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,4})?",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        "\"(\\\\u[0-9a-f]{4}|\\\\n|[a-z])*\"",
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        let member = (member_name(), inner.clone()).prop_map(|(name, value)| format!("{name}:{value}"));
        prop_oneof![
            vec(inner, 0..6).prop_map(|values| format!("[{}]", values.join(","))),
            vec(member, 0..12).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

/// A member of an envelope: mostly valid, sometimes any JSON.
fn member() -> impl Strategy<Value = (String, String)> {
    let text = prop_oneof![
        Just(String::new()),
        Just("2026-11-23T10:00:00.123Z".to_owned()),
        "[a-zé\u{1f600}. -]{0,12}",
        any::<String>(),
    ];
    let value = prop_oneof![
        4 => text.prop_map(|text| serde_json::to_string(&text).unwrap()),
        1 => "0{0,2}[0-9]{1,11}(\\.0)?",
        1 => Just("null".to_owned()),
        1 => json(),
    ];
    (member_name(), value)
}

fn header_value() -> impl Strategy<Value = HeaderValue> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(HeaderValue::Bool),
        any::<i8>().prop_map(HeaderValue::I8),
        any::<u8>().prop_map(HeaderValue::U8),
        any::<i16>().prop_map(HeaderValue::I16),
        any::<u16>().prop_map(HeaderValue::U16),
        any::<i32>().prop_map(HeaderValue::I32),
        any::<u32>().prop_map(HeaderValue::U32),
        any::<i64>().prop_map(HeaderValue::I64),
        (any::<u8>(), any::<u32>()).prop_map(|(scale, value)| HeaderValue::Decimal { scale, value }),
        any::<f32>().prop_map(HeaderValue::F32),
        any::<f64>().prop_map(HeaderValue::F64),
        any::<u64>().prop_map(HeaderValue::Timestamp),
        any::<String>().prop_map(HeaderValue::Text),
        vec(any::<u8>(), 0..40).prop_map(HeaderValue::Bytes),
        vec(any::<u8>(), 0..40).prop_map(HeaderValue::RawText),
        Just(HeaderValue::Void),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let table = vec((any::<String>(), inner.clone()), 0..4).prop_map(Headers::from_iter);
        prop_oneof![
            vec(inner, 0..4).prop_map(HeaderValue::List),
            table.prop_map(HeaderValue::Table),
        ]
    })
}

fn headers() -> impl Strategy<Value = Headers> {
    let name = prop_oneof![
        prop::sample::select(vec![
            "ce-specversion",
            "ce-id",
            "cloudEvents_type",
            "cloudEvents:source",
            "ce-time",
            "ce-dataschema",
            "tidings-attempt",
            "tidings-original-exchange",
            "tidings-original-routing-key",
            "tidings-error",
            "tidings-first-received-at",
            "tidings-dropped-headers",
            "traceparent",
            "tracestate",
            "CC",
            "x-death",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    vec((name, header_value()), 0..8).prop_map(Headers::from_iter)
}

fn properties() -> impl Strategy<Value = Properties> {
    let content_type = prop_oneof![
        Just(None),
        Just(Some("application/json".to_owned())),
        "application/cloudevents[+a-z;= -]{0,12}".prop_map(Some),
        any::<Option<String>>(),
    ];
    let others = (
        any::<Option<String>>(),
        any::<Option<String>>(),
        any::<Option<String>>(),
        any::<Option<u64>>(),
    );
    let broker_properties = (
        any::<Option<String>>(),
        any::<Option<String>>(),
        any::<Option<u8>>(),
    );
    (content_type, others, broker_properties).prop_map(|(content_type, others, broker_properties)| {
        let (kind, message_id, correlation_id, timestamp) = others;
        let (expiration, user_id, priority) = broker_properties;
        Properties {
            content_type,
            priority,
            correlation_id,
            expiration,
            message_id,
            timestamp,
            kind,
            user_id,
            ..Properties::default()
        }
    })
}

fn envelope_around(body: Vec<u8>) -> impl Strategy<Value = Message> {
    let address = prop::sample::select(vec![
        (EXCHANGE, "order.created"),
        (RETURN, QUEUE),
        ("", QUEUE),
        ("", ""),
    ]);
    let fields = (address, headers(), properties(), any::<bool>());
    fields.prop_map(
        move |((exchange, routing_key), headers, properties, is_received)| {
            let body = if is_received {
                Content::received(body.clone())
            } else {
                body.clone().into()
            };
            Message {
                exchange: exchange.into(),
                routing_key: routing_key.into(),
                properties: properties.into(),
                headers,
                body,
            }
        },
    )
}

fn any_message() -> impl Strategy<Value = Message> {
    let bodies = prop_oneof![vec(any::<u8>(), 0..200), json().prop_map(String::into_bytes)];
    bodies.prop_flat_map(envelope_around)
}

proptest! {
    #[test]
    fn no_message_makes_reading_panic(message in any_message()) {
        invariants::check_read(&message);
    }

    #[test]
    fn no_truncation_and_no_changed_byte_makes_reading_panic(
        json in json(), at in any::<Index>(), byte in any::<u8>(), truncate in any::<bool>(),
    ) {
        let mut body = format!(r#"{{"type":"a","data":{json},"id":"é"}}"#).into_bytes();
        let at = at.index(body.len());
        if truncate { body.truncate(at) } else { body[at] = byte }
        invariants::check_read(&message(body));
    }

    #[test]
    fn every_message_can_be_republished_within_the_frame_limit(
        message in any_message(), error in any::<String>(), attempt in 1_u32..100, limit in 2000_usize..4000,
    ) {
        invariants::check_republish(&message, &error, attempt, limit);
    }

    #[test]
    fn a_written_event_is_read_back_unchanged(
        data in json(),
        ids in (".+", ".+", any::<Option<String>>(), any::<Option<String>>()),
        event_type in ".+",
        aggregate_id in any::<String>(),
        version in any::<u32>(),
        millis in -60_000_000_000_000_i64..250_000_000_000_000,
    ) {
        let (id, correlation_id, causation_id, source) = ids;
        let non_empty = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (causation_id, source) = (non_empty(causation_id), non_empty(source));
        let metadata = OutgoingMetadata {
            id: &id,
            timestamp: Timestamp::from_millis(millis),
            correlation_id: &correlation_id,
            causation_id: causation_id.as_deref(),
            source: source.as_deref(),
        };
        let prepared = Prepared { event_type: event_type.into(), version, aggregate_id, ..prepared(&data) };
        let sent = write::message(&prepared, &metadata, EXCHANGE, Headers::new(), None, &Limits::default()).unwrap();
        let event = read(&sent);
        let known = event.metadata();
        prop_assert_eq!(event.json(), data);
        prop_assert_eq!(event.event_type(), &prepared.event_type);
        prop_assert_eq!((known.version, &known.aggregate_id), (version, &prepared.aggregate_id));
        prop_assert_eq!((&*known.id, known.timestamp), (metadata.id, metadata.timestamp));
        prop_assert_eq!(&known.correlation_id, metadata.correlation_id);
        prop_assert_eq!((known.causation_id.as_deref(), known.source.as_deref()), (metadata.causation_id, metadata.source));
    }

    #[test]
    fn the_fast_and_the_complete_reader_agree(
        members in vec(member(), 0..10), gap in "[ \\t\\n\\r\\x0c]?", end in "[ x}]?",
        at in any::<Index>(), byte in prop::option::weighted(0.3, any::<u8>()),
    ) {
        let members: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("{gap}{name}{gap}:{gap}{value}{gap}"))
            .collect();
        let mut body = format!("{gap}{{{}}}{end}", members.join(",")).into_bytes();
        if let Some(byte) = byte {
            let at = at.index(body.len());
            body[at] = byte;
        }
        invariants::check_read(&message(body));
    }

    #[test]
    fn the_counted_depth_is_the_depth_of_the_parsed_value(json in json()) {
        fn depth(value: &serde_json::Value) -> usize {
            match value {
                serde_json::Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
                serde_json::Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
                _ => 0,
            }
        }
        // Numbers that are too large and unpaired surrogates cannot be parsed into a value.
        if let Ok(value) = serde_json::from_str::<serde_json::Value>(&json) {
            let (depth, json) = (depth(&value), value.to_string());
            let is_allowed = |max_depth| Limits { max_depth, ..Limits::default() }.too_deep_at(json.as_bytes()).is_none();
            prop_assert!(is_allowed(depth));
            prop_assert!(depth == 0 || !is_allowed(depth - 1));
        }
    }
}
