//! Reading CloudEvents in every form.

use super::{KEY, error_of, message, read, try_read};
use crate::message::Message;
use crate::message::headers::HeaderValue;
use crate::message::timestamp::Timestamp;

const STRUCTURED: &str = r#"{"specversion":"1.0","id":"i-1","source":"/orders","type":"order.shipped","subject":"o-1",
    "time":"2026-11-23T11:00:00+01:00","datacontenttype":"application/json","correlationid":"c-1","causationid":"k-1",
    "comexampleother":5,"data":{"total":7}}"#;

fn structured(body: &str) -> Message {
    let mut message = message(body);
    message
        .properties
        .change(|it| it.content_type = Some("application/cloudevents+json".to_owned()));
    message
}

/// A structured event with the required members and these.
fn structured_with(members: &str) -> Message {
    structured(&format!(
        r#"{{"specversion":"1.0","id":"i","source":"s","type":"t",{members}}}"#
    ))
}

fn binary(prefix: &str, attributes: &[(&str, &str)], body: &str) -> Message {
    let mut message = message(body);
    message.headers = attributes
        .iter()
        .map(|(name, value)| (format!("{prefix}{name}"), *value))
        .collect();
    message
}

const REQUIRED: [(&str, &str); 4] = [
    ("specversion", "1.0"),
    ("id", "i-1"),
    ("source", "/orders"),
    ("type", "order.shipped"),
];

#[test]
fn a_structured_event_is_read_by_its_content_type() {
    for content_type in [
        "application/cloudevents+json",
        "application/cloudevents",
        "Application/CloudEvents+JSON; charset=UTF-8",
        "application/cloudevents ; x=y",
        " application/cloudevents+json",
    ] {
        let mut message = structured(STRUCTURED);
        message
            .properties
            .change(|it| it.content_type = Some(content_type.to_owned()));
        let event = read(&message);
        let metadata = event.metadata();
        assert_eq!(event.json(), r#"{"total":7}"#, "{content_type}");
        assert_eq!((metadata.id.as_str(), metadata.id_is_derived), ("i-1", false));
        assert_eq!((event.event_type(), metadata.version), ("order.shipped", 1));
        assert_eq!(metadata.source.as_deref(), Some("/orders"));
        assert_eq!(metadata.aggregate_id, "o-1");
        assert_eq!(metadata.timestamp.to_string(), "2026-11-23T10:00:00.000Z");
        assert_eq!(metadata.correlation_id, "c-1");
        assert_eq!(metadata.causation_id.as_deref(), Some("k-1"));
        assert_eq!(event.routing_key(), KEY);
    }
}

#[test]
fn a_binary_event_is_read_by_its_headers() {
    for prefix in [
        "cloudEvents_",
        "cloudEvents:",
        "ce-",
        "CE-",
        "cloudevents_",
        "CloudEvents:",
    ] {
        let mut attributes = REQUIRED.to_vec();
        attributes.extend([
            ("subject", "o-1"),
            ("time", "2026-11-23T10:00:00Z"),
            ("correlationid", "c-1"),
            ("causationid", "k-1"),
        ]);
        let message = binary(prefix, &attributes, r#"{"type":"inner","data":1}"#);
        let event = read(&message);
        let metadata = event.metadata();
        assert_eq!(
            event.json(),
            r#"{"type":"inner","data":1}"#,
            "the whole body is the data"
        );
        assert_eq!(
            (event.event_type(), metadata.id.as_str()),
            ("order.shipped", "i-1")
        );
        assert_eq!(metadata.source.as_deref(), Some("/orders"));
        assert_eq!(metadata.aggregate_id, "o-1");
        assert_eq!(metadata.timestamp.to_string(), "2026-11-23T10:00:00.000Z");
        assert_eq!(
            (metadata.correlation_id.as_str(), metadata.causation_id.as_deref()),
            ("c-1", Some("k-1"))
        );
    }
}

#[test]
fn the_case_of_attribute_names_does_not_matter() {
    let upper_case = REQUIRED.map(|(name, value)| (name.to_ascii_uppercase(), value));
    let upper_case: Vec<_> = upper_case
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    assert_eq!(
        read(&binary("Ce-", &upper_case, "1")).event_type(),
        "order.shipped"
    );
}

#[test]
fn attributes_of_any_header_type_are_read_as_text() {
    for (value, id) in [
        (HeaderValue::I8(-1), "-1"),
        (HeaderValue::U32(7), "7"),
        (HeaderValue::I64(i64::MIN), "-9223372036854775808"),
        (HeaderValue::F64(1.5), "1.5"),
        (HeaderValue::F32(2.0), "2"),
        (HeaderValue::Bool(true), "true"),
        (HeaderValue::Bytes(b"bytes".to_vec()), "bytes"),
        (HeaderValue::Timestamp(1_763_892_000), "2025-11-23T10:00:00.000Z"),
    ] {
        let mut message = binary("ce-", &REQUIRED, "1");
        message.headers.set("ce-id", value);
        assert_eq!(read(&message).metadata().id, id);
    }
    for value in [
        HeaderValue::Void,
        HeaderValue::List(Vec::new()),
        HeaderValue::RawText(vec![0xff]),
    ] {
        let mut message = binary("ce-", &REQUIRED, "1");
        message.headers.set("ce-id", value);
        assert!(error_of(&message).starts_with("missing `id`"));
    }
}

#[test]
fn a_time_may_be_a_number_of_milliseconds() {
    // The CloudEvents library for Python writes a number for AMQP, which pika sends as a 64-bit integer.
    let mut message = binary("cloudEvents_", &REQUIRED, "1");
    message
        .headers
        .set("cloudEvents_time", HeaderValue::I64(1_763_892_000_123));
    assert_eq!(
        read(&message).metadata().timestamp,
        Timestamp::from_millis(1_763_892_000_123)
    );
}

#[test]
fn a_time_may_be_an_amqp_timestamp() {
    let mut message = binary("cloudEvents_", &REQUIRED, "1");
    message
        .headers
        .set("cloudEvents_time", HeaderValue::Timestamp(1_763_892_000));
    assert_eq!(
        read(&message).metadata().timestamp,
        Timestamp::from_millis(1_763_892_000_000)
    );
}

#[test]
fn a_missing_or_empty_required_attribute_is_an_error() {
    for missing in ["specversion", "id", "source", "type"] {
        let text =
            format!("missing `{missing}`; every CloudEvent has `id`, `source`, `specversion` and `type`");
        for value in [None, Some(""), Some("null")] {
            let members = REQUIRED.iter().filter_map(|(name, given)| match value {
                _ if *name != missing => Some(format!("\"{name}\":\"{given}\"")),
                None => None,
                Some("null") => Some(format!("\"{name}\":null")),
                Some(_) => Some(format!("\"{name}\":\"\"")),
            });
            let body = format!("{{{},\"data\":1}}", members.collect::<Vec<_>>().join(","));
            assert_eq!(error_of(&structured(&body)), text);
        }
        let attributes: Vec<_> = REQUIRED
            .into_iter()
            .map(|(name, given)| (name, if name == missing { "" } else { given }))
            .collect();
        assert_eq!(error_of(&binary("ce-", &attributes, "1")), text);
    }
}

#[test]
fn headers_without_a_specversion_make_no_cloud_event() {
    let message = binary("ce-", &REQUIRED[1..], r#"{"data":1}"#);
    assert_eq!((read(&message).event_type(), read(&message).json()), (KEY, "1"));
}

#[test]
fn another_major_version_is_rejected() {
    let body = STRUCTURED.replace("1.0", "0.3");
    assert_eq!(error_of(&structured(&body)), "`specversion` is `0.3`; write 1.0");
    assert_eq!(
        try_read(&structured(&body)).unwrap_err().type_hint(),
        Some("order.shipped")
    );
    assert_eq!(
        read(&structured(&STRUCTURED.replace("1.0", "1.1"))).event_type(),
        "order.shipped"
    );
}

#[test]
fn a_batch_is_rejected() {
    let mut message = message("[]");
    message
        .properties
        .change(|it| it.content_type = Some("application/cloudevents-batch+json".to_owned()));
    assert_eq!(
        error_of(&message),
        "the body is a batch of CloudEvents; send each event as a message of its own"
    );
    assert_eq!(try_read(&message).unwrap_err().type_hint(), Some(KEY));
}

#[test]
fn a_format_other_than_json_is_rejected() {
    let mut message = message("<event/>");
    message
        .properties
        .change(|it| it.content_type = Some("application/cloudevents+xml; charset=utf-8".to_owned()));
    assert_eq!(
        error_of(&message),
        "CloudEvents as `application/cloudevents+xml; charset=utf-8` are not read; write `application/cloudevents+json`"
    );
}

#[test]
fn data_may_be_base64() {
    // {"total":7}
    let event = read(&structured_with(r#""data_base64":"eyJ0b3RhbCI6N30=""#));
    assert_eq!(event.json(), r#"{"total":7}"#);
    for (member, text) in [
        (
            r#""data_base64":"e""#,
            "`data_base64` is `e`; write JSON as base64",
        ),
        (
            r#""data_base64":"/w==""#,
            "`data_base64` is `/w==`; write JSON as base64",
        ),
        (r#""data_base64":7"#, "`data_base64` is `7`; write a text"),
        (
            r#""data_base64":"eyJ0b3Rh""#,
            "`data_base64` is not JSON at byte 5\nEOF while parsing a string at line 1 column 6",
        ),
        (
            r#""data":1,"data_base64":"MQ==""#,
            "both `data` and `data_base64` are there; write one of them",
        ),
    ] {
        assert_eq!(error_of(&structured_with(member)), text);
        assert_eq!(
            try_read(&structured_with(member)).unwrap_err().type_hint(),
            Some("t")
        );
    }
    assert_eq!(
        read(&structured_with(r#""data":1,"data_base64":null"#)).json(),
        "1"
    );
}

#[test]
fn the_depth_limit_applies_to_base64_data() {
    // 150 opening brackets.
    let member = format!(r#""data_base64":"{}""#, "W1tb".repeat(50));
    assert_eq!(
        error_of(&structured_with(&member)),
        "the JSON is nested deeper than 128 levels at byte 128"
    );
}

#[test]
fn an_event_without_data_has_null_as_its_data() {
    assert_eq!(read(&structured_with(r#""data":null"#)).json(), "null");
    assert_eq!(read(&structured_with(r#""subject":"o-1""#)).json(), "null");
    assert_eq!(read(&binary("ce-", &REQUIRED, "")).json(), "null");
}

#[test]
fn binary_data_may_be_any_json_value() {
    for body in ["7", "\"text\"", "[1]", "null"] {
        assert_eq!(read(&binary("ce-", &REQUIRED, body)).json(), body);
    }
    let truncated = binary("ce-", &REQUIRED, "{\"a\":");
    assert_eq!(
        try_read(&truncated).unwrap_err().to_string(),
        "the body is not JSON at byte 4"
    );
    assert_eq!(
        try_read(&truncated).unwrap_err().type_hint(),
        Some("order.shipped")
    );
    let mut large = binary("ce-", &REQUIRED, &" ".repeat(1 << 21));
    large.routing_key = "".into();
    assert_eq!(try_read(&large).unwrap_err().type_hint(), Some("order.shipped"));
}

#[test]
fn missing_attributes_are_filled_in_from_the_message() {
    let mut message = binary("ce-", &REQUIRED, "1");
    message
        .properties
        .change(|it| it.correlation_id = Some("of property".to_owned()));
    message.properties.change(|it| it.timestamp = Some(1_763_892_000));
    let event = read(&message);
    assert_eq!(event.metadata().correlation_id, "of property");
    assert_eq!(
        event.metadata().timestamp,
        Timestamp::from_millis(1_763_892_000_000)
    );
    message.properties.change(|it| it.correlation_id = None);
    assert_eq!(read(&message).metadata().correlation_id, "i-1");
    assert_eq!(read(&message).metadata().aggregate_id, "");
}

#[test]
fn the_version_comes_from_the_extension_or_the_last_segment_of_the_schema() {
    for (members, version) in [
        (r#""version":"3""#, 3),
        (r#""version":3"#, 3),
        (r#""version":"2.3.1""#, 1),
        (r#""version":{}"#, 1),
        (
            r#""version":"2.3.1","dataschema":"https://x/order.created/v4""#,
            4,
        ),
        (r#""version":"3","dataschema":"https://x/order.created/v4""#, 3),
        (r#""dataschema":"https://x/order.created/v4""#, 4),
        (r#""dataschema":"https://x/order.created.v4.json?x=v5#v6""#, 4),
        (r#""dataschema":"urn:x:order.created:v4""#, 4),
        (r#""dataschema":"https://x/v9/order.created.json""#, 1),
        (r#""dataschema":"https://x/vendor""#, 1),
        (r#""dataschema":"v99999999999""#, 1),
        (r#""dataschema":"""#, 1),
    ] {
        assert_eq!(
            read(&structured_with(members)).metadata().version,
            version,
            "{members}"
        );
    }
}

#[test]
fn an_envelope_with_cloud_event_members_is_read_as_an_envelope() {
    let event = read(&message(STRUCTURED));
    assert_eq!(
        (event.event_type(), event.json()),
        ("order.shipped", r#"{"total":7}"#)
    );
    assert_eq!(event.metadata().aggregate_id, "");
}

#[test]
fn the_first_of_two_headers_for_one_attribute_counts() {
    let mut message = binary("ce-", &REQUIRED, "1");
    message.headers.set("cloudEvents_type", "other");
    assert_eq!(read(&message).event_type(), "order.shipped");
}
