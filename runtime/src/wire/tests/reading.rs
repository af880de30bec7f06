//! Reading envelopes, and the errors of those that cannot be read.

use std::sync::Arc;

use super::{
    EXCHANGE, KEY, QUEUE, RETURN, error_of, message, origin_of, prepared, read, received_at, try_read,
};
use crate::message::headers::Headers;
use crate::message::timestamp::Timestamp;
use crate::wire::ids::derived_event_id;
use crate::wire::limits::Limits;

const FULL: &str = r#"{"id":"i-1","type":"order.created","timestamp":"2026-11-23T11:00:00.1239+01:00","aggregateId":"o-1",
    "correlationId":"c-1","causationId":"k-1","version":2,"source":"orders","data":{"total":7}}"#;

#[test]
fn the_data_of_a_received_message_is_borrowed_from_its_body() {
    let message = Arc::new(message(r#"{"data":{"total":7},"type":"order.created"}"#));
    let event = crate::wire::read::read(&message, &origin_of(&message), &Limits::default()).unwrap();
    assert_eq!(message.body.range_of(event.json()), Some(8..19));
}

#[tokio::test]
async fn the_data_of_a_message_of_the_in_memory_broker_is_borrowed_from_its_body() {
    let bus = crate::Bus::in_memory();
    let made = bus.message(&prepared(r#"{"total":7}"#), "i-1", crate::Headers::new());
    let message = Arc::new(made.unwrap());
    let event = crate::wire::read::read(&message, &origin_of(&message), &Limits::default()).unwrap();
    assert_eq!(event.json(), r#"{"total":7}"#);
    assert!(message.body.range_of(event.json()).is_some());
}

#[test]
fn every_field_of_an_envelope_is_read() {
    let event = read(&message(FULL));
    let metadata = event.metadata();
    assert_eq!(event.json(), r#"{"total":7}"#);
    assert_eq!(event.routing_key(), KEY);
    assert_eq!((metadata.id.as_str(), metadata.id_is_derived), ("i-1", false));
    assert_eq!(
        (metadata.event_type.as_str(), metadata.version),
        ("order.created", 2)
    );
    assert_eq!(metadata.timestamp.to_string(), "2026-11-23T10:00:00.123Z");
    assert_eq!(metadata.aggregate_id, "o-1");
    assert_eq!(metadata.correlation_id, "c-1");
    assert_eq!(metadata.causation_id.as_deref(), Some("k-1"));
    assert_eq!(metadata.source.as_deref(), Some("orders"));
}

#[test]
fn the_type_comes_from_the_body_then_the_property_then_the_routing_key() {
    let mut message = message(r#"{"type":"of.body","data":{}}"#);
    message
        .properties
        .change(|it| it.kind = Some("of.property".to_owned()));
    assert_eq!(read(&message).event_type(), "of.body");
    for body in [
        r#"{"data":{}}"#,
        r#"{"type":null,"data":{}}"#,
        r#"{"type":"","data":{}}"#,
    ] {
        message.body = body.into();
        assert_eq!(read(&message).event_type(), "of.property", "{body}");
    }
    message.properties.change(|it| it.kind = None);
    assert_eq!(read(&message).event_type(), KEY);
    message.properties.change(|it| it.kind = Some(String::new()));
    assert_eq!(read(&message).event_type(), KEY);
}

#[test]
fn a_retry_is_read_with_its_original_routing_key() {
    let mut message = message(r#"{"data":{}}"#);
    message.exchange = RETURN.into();
    message.routing_key = QUEUE.into();
    message.headers.set("tidings-original-exchange", EXCHANGE);
    message.headers.set("tidings-original-routing-key", "order.paid");
    assert_eq!(
        (read(&message).event_type(), read(&message).routing_key()),
        ("order.paid", "order.paid")
    );
}

#[test]
fn a_message_without_any_type_is_an_error() {
    for body in [r#"{"data":{}}"#, r#"{"orderId":"o-1"}"#] {
        let mut message = message(body);
        message.routing_key = "".into();
        assert_eq!(
            error_of(&message),
            "missing `type`; write it into the body, the AMQP property `type` or the routing key"
        );
    }
}

#[test]
fn an_envelope_without_data_is_an_error() {
    let message = message(r#"{"id":"i-1","type":"order.shipped"}"#);
    assert_eq!(
        error_of(&message),
        "missing `data`; an event with a `type` in its body has its content in `data`"
    );
    assert_eq!(try_read(&message).unwrap_err().type_hint(), Some("order.shipped"));
}

#[test]
fn data_may_be_any_json_value_including_null() {
    for data in [
        "null",
        "7",
        "\"text\"",
        "[1,2]",
        "true",
        "{}",
        "1e999",
        "123456789012345678901234567890",
        "-0.0",
    ] {
        let event = read(&message(format!(r#"{{"data":{data}}}"#)));
        assert_eq!(event.json(), data);
    }
}

#[test]
fn unknown_fields_are_ignored() {
    let event = read(&message(
        r#"{"schema":{"deep":[1]},"data":1,"tenant":null,"n":1e999,"":""}"#,
    ));
    assert_eq!(event.json(), "1");
}

#[test]
fn a_bare_object_is_the_data_when_its_type_is_outside_of_the_body() {
    let body = " {\"orderId\":\"o-1\", \"type\":3} ";
    let mut message = message(body);
    assert_eq!(
        (read(&message).event_type(), read(&message).json()),
        (KEY, body.trim())
    );
    message
        .properties
        .change(|it| it.kind = Some("order.shipped".to_owned()));
    assert_eq!(
        (read(&message).event_type(), read(&message).json()),
        ("order.shipped", body.trim())
    );
    for body in ["{}", r#"{"type":""}"#, r#"{"type":null}"#] {
        message.body = body.into();
        assert_eq!(read(&message).json(), body);
    }
}

#[test]
fn null_counts_as_absent() {
    let event = read(&message(
        r#"{"id":null,"type":null,"pattern":null,"timestamp":null,"aggregateId":null,"correlationId":null,"causationId":null,
            "version":null,"source":null,"data":1}"#,
    ));
    let bare = read(&message(r#"{"data":1}"#));
    assert_eq!(event.metadata().event_type, bare.metadata().event_type);
    assert_eq!(
        (event.metadata().version, event.metadata().aggregate_id.as_str()),
        (1, "")
    );
    assert_eq!(event.metadata().correlation_id, event.metadata().id);
    assert_eq!(
        (&event.metadata().causation_id, &event.metadata().source),
        (&None, &None)
    );
}

#[test]
fn a_missing_id_is_the_property_message_id() {
    for body in [r#"{"data":1}"#, r#"{"id":"","data":1}"#] {
        let mut message = message(body);
        message
            .properties
            .change(|it| it.message_id = Some("not a uuid".to_owned()));
        let event = read(&message);
        assert_eq!(
            (event.metadata().id.as_str(), event.metadata().id_is_derived),
            ("not a uuid", false)
        );
    }
}

#[test]
fn a_missing_id_is_derived_from_what_makes_the_event_different() {
    let body = r#"{"data":1}"#;
    let first = message(body);
    let id = derived_event_id(EXCHANGE, KEY, KEY, None, body.as_bytes()).to_string();
    assert_eq!(read(&first).metadata().id, id);
    assert!(read(&first).metadata().id_is_derived);
    // Another handler, and a retry, derive the same id.
    let mut retried = first.clone();
    retried.exchange = RETURN.into();
    retried.routing_key = QUEUE.into();
    retried.headers = Headers::from_iter([
        ("tidings-original-exchange", EXCHANGE),
        ("tidings-original-routing-key", KEY),
    ]);
    assert_eq!(read(&retried).metadata().id, id);
    assert_ne!(read(&message(r#"{"data":2}"#)).metadata().id, id);
    let (mut of_another_type, mut of_another_app) = (first.clone(), first);
    of_another_type
        .properties
        .change(|it| it.kind = Some("order.paid".to_owned()));
    of_another_app
        .properties
        .change(|it| it.app_id = Some("shop".to_owned()));
    assert_ne!(read(&of_another_type).metadata().id, id);
    assert_ne!(read(&of_another_app).metadata().id, id);
}

#[test]
fn a_missing_source_is_the_property_app_id() {
    let mut message = message(r#"{"source":"of body","data":1}"#);
    message
        .properties
        .change(|it| it.app_id = Some("of property".to_owned()));
    assert_eq!(read(&message).metadata().source.as_deref(), Some("of body"));
    message.body = br#"{"data":1}"#.to_vec().into();
    assert_eq!(read(&message).metadata().source.as_deref(), Some("of property"));
}

#[test]
fn a_missing_correlation_id_is_the_property_or_else_the_id_of_the_event() {
    let mut message = message(r#"{"id":"i-1","correlationId":"of body","data":1}"#);
    message
        .properties
        .change(|it| it.correlation_id = Some("of property".to_owned()));
    assert_eq!(read(&message).metadata().correlation_id, "of body");
    for body in [
        r#"{"id":"i-1","data":1}"#,
        r#"{"id":"i-1","correlationId":"","data":1}"#,
    ] {
        message.body = body.into();
        message
            .properties
            .change(|it| it.correlation_id = Some("of property".to_owned()));
        assert_eq!(read(&message).metadata().correlation_id, "of property");
        message.properties.change(|it| it.correlation_id = None);
        assert_eq!(read(&message).metadata().correlation_id, "i-1");
        message
            .properties
            .change(|it| it.correlation_id = Some(String::new()));
        assert_eq!(read(&message).metadata().correlation_id, "i-1");
    }
}

#[test]
fn ids_are_strings_or_numbers() {
    let event = read(&message(
        r#"{"id":17,"aggregateId":12345678901234567890123,"correlationId":1.50,"causationId":-1,"data":1}"#,
    ));
    let metadata = event.metadata();
    assert_eq!(
        (metadata.id.as_str(), metadata.aggregate_id.as_str()),
        ("17", "12345678901234567890123")
    );
    assert_eq!(
        (metadata.correlation_id.as_str(), metadata.causation_id.as_deref()),
        ("1.50", Some("-1"))
    );
    let event = read(&message(r#"{"id":"a\n\u00e9\ud83e\udd80 \\","data":1}"#));
    assert_eq!(event.metadata().id, "a\né\u{1F980} \\");
}

#[test]
fn a_missing_timestamp_is_the_property_in_seconds_or_milliseconds() {
    let mut message = message(r#"{"data":1}"#);
    for property in [1_763_892_000, 1_763_892_000_000] {
        message.properties.change(|it| it.timestamp = Some(property));
        assert_eq!(
            read(&message).metadata().timestamp,
            Timestamp::from_millis(1_763_892_000_000)
        );
    }
}

#[test]
fn a_missing_timestamp_is_the_time_of_the_first_receipt() {
    for property in [None, Some(u64::MAX)] {
        let mut message = message(r#"{"data":1}"#);
        message.properties.change(|it| it.timestamp = property);
        assert_eq!(read(&message).metadata().timestamp, received_at());
    }
    let mut retried = message(r#"{"data":1}"#);
    retried.exchange = RETURN.into();
    retried
        .headers
        .set("tidings-first-received-at", "2026-11-23T10:00:00.123Z");
    assert_eq!(
        read(&retried).metadata().timestamp.to_string(),
        "2026-11-23T10:00:00.123Z"
    );
}

#[test]
fn a_timestamp_may_be_a_number() {
    for (number, millis) in [
        ("1763892000", 1_763_892_000_000),
        ("1763892000123", 1_763_892_000_123),
        ("0", 0),
    ] {
        let event = read(&message(format!(r#"{{"timestamp":{number},"data":1}}"#)));
        assert_eq!(event.metadata().timestamp.as_millis(), millis, "{number}");
    }
}

#[test]
fn a_version_is_a_number_or_a_string_with_a_number() {
    for (version, read_as) in [
        ("3", 3),
        ("\"3\"", 3),
        ("3.0", 3),
        ("0", 0),
        ("4294967295", u32::MAX),
        ("\"\"", 1),
    ] {
        let event = read(&message(format!(r#"{{"version":{version},"data":1}}"#)));
        assert_eq!(event.metadata().version, read_as, "{version}");
    }
}

#[test]
fn the_error_of_a_wrong_field_names_the_field() {
    for (field, text) in [
        (r#""type":7"#, "`type` is `7`; write a text"),
        (
            r#""id":{"$oid":"5f"}"#,
            r#"`id` is `{"$oid":"5f"}`; write a text"#,
        ),
        (r#""id":true"#, "`id` is `true`; write a text"),
        (r#""id":"\ud800""#, r#"`id` is `"\ud800"`; write a text"#),
        (
            r#""aggregateId":["o-1"]"#,
            r#"`aggregateId` is `["o-1"]`; write a text"#,
        ),
        (
            r#""version":"1.2.3""#,
            "`version` is `1.2.3`; write a whole number from 0 to 4294967295",
        ),
        (
            r#""version":-1"#,
            "`version` is `-1`; write a whole number from 0 to 4294967295",
        ),
        (
            r#""version":4294967296"#,
            "`version` is `4294967296`; write a whole number from 0 to 4294967295",
        ),
        (
            r#""version":1e999"#,
            "`version` is `1e999`; write a whole number from 0 to 4294967295",
        ),
        (
            r#""version":1.5"#,
            "`version` is `1.5`; write a whole number from 0 to 4294967295",
        ),
        (
            r#""timestamp":"yesterday""#,
            "`timestamp` is `yesterday`; write an RFC 3339 time such as 2026-11-23T10:00:00.123Z",
        ),
        (
            r#""timestamp":-1"#,
            "`timestamp` is `-1`; write an RFC 3339 time such as 2026-11-23T10:00:00.123Z",
        ),
        (
            r#""source":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]"#,
            "`source` is `[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,…`; write a text",
        ),
    ] {
        let message = message(format!("{{{field},\"data\":1}}"));
        assert_eq!(error_of(&message), text);
        assert_eq!(try_read(&message).unwrap_err().type_hint(), Some(KEY), "{field}");
    }
}

#[test]
fn the_later_value_of_a_duplicate_name_counts() {
    let event = read(&message(r#"{"type":"a","data":1,"type":"b","data":2,"data":3}"#));
    assert_eq!((event.event_type(), event.json()), ("b", "3"));
}

#[test]
fn a_name_may_contain_escapes() {
    let event = read(&message(r#"{"\u0074ype":"a","\u0064ata":1}"#));
    assert_eq!((event.event_type(), event.json()), ("a", "1"));
}

#[test]
fn a_byte_order_mark_and_white_space_are_accepted() {
    let event = read(&message("\u{feff}\r\n\t {\"type\":\"a\", \"data\" : 1 } \n"));
    assert_eq!((event.event_type(), event.json()), ("a", "1"));
}

#[test]
fn the_error_of_invalid_json_names_the_byte() {
    for (body, text) in [
        (&b"{\"data\":"[..], "the body is not JSON at byte 7"),
        (b"{\"data\":{\"a\":1}", "the body is not JSON at byte 14"),
        (b"{\"data\":1}}", "the body is not JSON at byte 10"),
        (b"{\n\n\"data\":x}", "the body is not JSON at byte 10"),
        (b"\xef\xbb\xbf{\"data\":x}", "the body is not JSON at byte 11"),
        (b"{'data':1}", "the body is not JSON at byte 1"),
        (b"{\"data\":NaN}", "the body is not JSON at byte 8"),
        // For an invalid character in a string, the parser reports the byte before it.
        (b"{\"data\":\"a\nb\"}", "the body is not JSON at byte 9"),
        (b"{\"data\":\"\xff\"}", "the body is not UTF-8 at byte 9"),
        (b"\x80\x04\x95 a pickle", "the body is not UTF-8 at byte 0"),
        (b"{\"data\":1", "the body is not JSON at byte 8"),
        (
            b"<event/>",
            "the body is no JSON; an event is a JSON object with `type` and `data`",
        ),
    ] {
        let malformed = try_read(&message(body)).unwrap_err();
        assert_eq!(malformed.to_string(), text);
        assert_eq!(malformed.type_hint(), Some(KEY));
    }
    let cut = error_of(&message("{\"data\":"));
    assert_eq!(
        cut,
        "the body is not JSON at byte 7\nEOF while parsing a value at line 1 column 8"
    );
}

#[test]
fn a_body_that_is_no_object_is_an_error() {
    for (body, found) in [
        ("\"text\"", "a bare JSON string"),
        ("7", "a bare JSON number"),
        ("-7", "a bare JSON number"),
        ("[{}]", "a JSON array"),
        ("null", "`null`"),
        ("true", "a bare JSON boolean"),
    ] {
        let text = format!("the body is {found}; an event is a JSON object with `type` and `data`");
        assert_eq!(error_of(&message(body)), text);
    }
}

#[test]
fn an_empty_body_is_an_error() {
    for body in ["", " \r\n", "\u{feff}"] {
        let text = "the body is empty; an event is a JSON object with `type` and `data`";
        assert_eq!(error_of(&message(body)), text);
    }
}

#[test]
fn the_error_of_a_compressed_body_names_its_encoding() {
    let mut message = message(b"\x1f\x8b\x08\x00");
    message
        .properties
        .change(|it| it.content_encoding = Some("gzip".to_owned()));
    assert_eq!(
        error_of(&message),
        "the body is not UTF-8 at byte 1; its content encoding is `gzip`, and only plain text is read"
    );
}

#[test]
fn a_body_over_the_size_limit_is_an_error_with_a_type_hint() {
    let limit = Limits::default().max_body_bytes;
    let of = |bytes: usize| {
        let fixed = r#"{"type":"a","data":""}"#.len();
        message(format!(
            r#"{{"type":"a","data":"{}"}}"#,
            "x".repeat(bytes - fixed)
        ))
    };
    assert_eq!(read(&of(limit)).event_type(), "a");
    let mut large = of(limit + 1);
    assert_eq!(
        error_of(&large),
        "the body has 1048577 bytes; 1048576 is the most"
    );
    assert_eq!(try_read(&large).unwrap_err().type_hint(), Some(KEY));
    large
        .properties
        .change(|it| it.kind = Some("order.shipped".to_owned()));
    assert_eq!(try_read(&large).unwrap_err().type_hint(), Some("order.shipped"));
    large.properties.change(|it| it.kind = None);
    large.routing_key = "".into();
    assert_eq!(try_read(&large).unwrap_err().type_hint(), None);
}

#[test]
fn the_error_of_json_over_the_depth_limit_names_the_byte() {
    let of = |levels: usize| {
        message(format!(
            r#"{{"data":{}{}}}"#,
            "[".repeat(levels),
            "]".repeat(levels)
        ))
    };
    assert_eq!(read(&of(127)).json().len(), 254);
    assert_eq!(
        error_of(&of(128)),
        "the JSON is nested deeper than 128 levels at byte 135"
    );
    let unclosed = message(format!("{{\"data\":{}", "[".repeat(100_000)));
    assert_eq!(
        error_of(&unclosed),
        "the JSON is nested deeper than 128 levels at byte 135"
    );
}

#[test]
fn an_event_at_the_depth_limit_can_be_decoded() {
    let deepest = message(format!(r#"{{"data":{}{}}}"#, "[".repeat(127), "]".repeat(127)));
    assert!(serde_json::from_str::<serde_json::Value>(read(&deepest).json()).is_ok());
}
