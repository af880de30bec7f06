//! Republished messages, and which of their headers are trusted when they return.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::{EXCHANGE, KEY, QUEUE, RETURN, message, origin_of, received_at};
use crate::message::Message;
use crate::message::headers::{HeaderValue, Headers};
use crate::message::properties::{BorrowedProperties, CompactProperties};
use crate::message::reason::Reason;
use crate::message::timestamp::Timestamp;
use crate::wire::error_text::{Redact, chain};
use crate::wire::limits::Limits;
use crate::wire::origin::{Arrival, AttemptNumber, origin};
use crate::wire::republish::{Destination, RepublishDetails, RepublishKind, republish};

const DELAYS: &str = "payments.delay";
const DELAY: &str = "payments.take_payment.delay.5s";
const TO_DELAY: Destination<'static> = Destination {
    exchange: DELAYS,
    routing_key: DELAY,
};
const DEAD: &str = "payments.dead";
const DEAD_LETTERS: &str = "payments.take_payment.dlq";

fn first_received_at() -> Timestamp {
    Timestamp::from_millis(1_763_892_000_123)
}

fn details(kind: RepublishKind, error: Option<&str>) -> RepublishDetails<'_> {
    RepublishDetails {
        service: "payments",
        handler: "take_payment",
        queue: QUEUE,
        first_received_at: first_received_at(),
        error,
        redact: None,
        kind,
    }
}

fn send(message: &Message, to: Destination<'_>, details: &RepublishDetails<'_>) -> Message {
    republish(message, &origin_of(message), to, details, &Limits::default())
}

fn retry_kind(number: u32) -> RepublishKind {
    RepublishKind::Retry {
        next: AttemptNumber { number, uncounted: 0 },
    }
}

fn retry_with(message: &Message, attempt: u32, error: Option<&str>) -> Message {
    let details = details(retry_kind(attempt), error);
    send(message, TO_DELAY, &details)
}

fn retry(message: &Message) -> Message {
    retry_with(message, 2, Some("the gateway is down"))
}

fn dead_letter(message: &Message) -> Message {
    let to = Destination {
        exchange: DEAD,
        routing_key: DEAD_LETTERS,
    };
    let kind = RepublishKind::DeadLetter {
        reason: Reason::Failed,
        attempts: 8,
        at: Timestamp::from_millis(1_763_894_000_000),
    };
    send(message, to, &details(kind, Some("the gateway is down")))
}

/// The message as the broker delivers it after its time in the delay queue.
fn returned(mut message: Message) -> Message {
    message.exchange = RETURN.into();
    message.routing_key = QUEUE.into();
    message.headers.set("x-death", HeaderValue::List(Vec::new()));
    message.headers.set("x-first-death-queue", DELAY);
    message.headers.set("x-last-death-reason", "expired");
    message.headers.set("x-delivery-count", 3_i64);
    message.headers.set("x-acquired-count", 4_i64);
    message
}

fn with_everything() -> Message {
    Message {
        properties: BorrowedProperties {
            content_type: Some("text/plain"),
            content_encoding: Some("identity"),
            persistent: false,
            priority: Some(7),
            correlation_id: Some("c-1"),
            reply_to: Some("amq.rabbitmq.reply-to"),
            expiration: Some("60000"),
            message_id: Some("m-1"),
            timestamp: Some(1_763_892_000),
            kind: Some("order.created"),
            user_id: Some("guest"),
            app_id: Some("orders"),
        }
        .into(),
        headers: Headers::from_iter([
            ("tenant", HeaderValue::from("acme")),
            (
                "traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
            ),
            ("f", HeaderValue::F32(0.1)),
            ("CC", HeaderValue::List(vec!["order.copied".into()])),
            ("BCC", HeaderValue::List(vec!["order.hidden".into()])),
        ]),
        ..message(b" {\"data\" : 1}\xff")
    }
}

#[test]
fn the_body_stays_byte_for_byte() {
    let message = with_everything();
    assert_eq!(retry(&message).body, message.body);
    assert_eq!(dead_letter(&returned(retry(&message))).body, message.body);
}

#[test]
fn the_copy_has_the_address_of_the_destination() {
    let sent = retry(&message("{}"));
    assert_eq!((&*sent.exchange, &*sent.routing_key), (DELAYS, DELAY));
    let sent = dead_letter(&message("{}"));
    assert_eq!((&*sent.exchange, &*sent.routing_key), (DEAD, DEAD_LETTERS));
}

#[test]
fn foreign_headers_are_kept() {
    let sent = dead_letter(&returned(retry(&with_everything())));
    assert_eq!(sent.headers.text("tenant"), Some("acme"));
    assert_eq!(sent.headers.get("f"), Some(&HeaderValue::F32(0.1)));
    assert!(sent.headers.text("traceparent").is_some());
}

#[test]
fn properties_and_headers_that_the_broker_acts_on_become_original_headers() {
    for sent in [
        retry(&with_everything()),
        dead_letter(&returned(retry(&with_everything()))),
    ] {
        let properties = &sent.properties;
        assert_eq!((properties.user_id(), properties.expiration()), (None, None));
        assert_eq!((properties.priority(), properties.reply_to()), (None, None));
        assert_eq!((sent.headers.get("CC"), sent.headers.get("BCC")), (None, None));
        for (name, value) in [
            ("user-id", HeaderValue::from("guest")),
            ("expiration", "60000".into()),
            ("priority", HeaderValue::U8(7)),
            ("reply-to", "amq.rabbitmq.reply-to".into()),
            ("cc", HeaderValue::List(vec!["order.copied".into()])),
            ("bcc", HeaderValue::List(vec!["order.hidden".into()])),
            ("exchange", EXCHANGE.into()),
            ("routing-key", KEY.into()),
        ] {
            assert_eq!(
                sent.headers.get(&format!("tidings-original-{name}")),
                Some(&value),
                "{name}"
            );
        }
    }
}

#[test]
fn the_other_properties_are_kept_and_the_copy_is_persistent() {
    let everything = with_everything();
    let sent = retry(&everything);
    let expected = BorrowedProperties {
        persistent: true,
        priority: None,
        reply_to: None,
        expiration: None,
        user_id: None,
        ..everything.properties.borrowed()
    };
    assert_eq!(sent.properties, CompactProperties::from(expected));
}

#[test]
fn absent_properties_become_no_headers() {
    let sent = retry_with(&message("{}"), 2, None);
    let names: Vec<&str> = sent.headers.iter().map(|(name, _)| name).collect();
    let expected = [
        "tidings-original-exchange",
        "tidings-original-routing-key",
        "tidings-service",
        "tidings-handler",
        "tidings-queue",
        "tidings-first-received-at",
        "tidings-attempt",
    ];
    assert_eq!(names, expected);
}

#[test]
fn the_death_headers_of_the_broker_are_dropped() {
    let sent = dead_letter(&returned(retry(&with_everything())));
    for name in [
        "x-death",
        "x-first-death-queue",
        "x-last-death-reason",
        "x-delivery-count",
        "x-acquired-count",
    ] {
        assert_eq!(sent.headers.get(name), None, "{name}");
    }
}

#[test]
fn a_retry_has_its_attempt_number_and_the_last_error() {
    let message = returned(retry_with(&message("{}"), 3, Some("the gateway is down")));
    let origin = origin_of(&message);
    assert_eq!((&*origin.exchange, &*origin.routing_key), (EXCHANGE, KEY));
    assert_eq!(origin.attempt.number, 3);
    assert_eq!(origin.first_received_at, first_received_at());
    assert_eq!(origin.last_error.as_deref(), Some("the gateway is down"));
    assert_eq!(origin.arrival, Arrival::Returned);
}

#[test]
fn a_retry_of_a_retry_keeps_the_first_origin() {
    let twice = returned(retry_with(&returned(retry(&with_everything())), 3, None));
    let origin = origin_of(&twice);
    assert_eq!(
        (&*origin.exchange, &*origin.routing_key, origin.attempt.number),
        (EXCHANGE, KEY, 3)
    );
    assert_eq!(
        twice.headers.text("tidings-original-reply-to"),
        Some("amq.rabbitmq.reply-to")
    );
    assert_eq!(
        origin.last_error, None,
        "only the error of the last attempt is kept"
    );
}

#[test]
fn a_dead_letter_has_its_reason_attempts_handler_and_times() {
    let sent = dead_letter(&message("{}"));
    for (name, value) in [
        ("tidings-dead-letter-reason", HeaderValue::from("failed")),
        ("tidings-attempts", 8_i64.into()),
        ("tidings-error", "the gateway is down".into()),
        ("tidings-service", "payments".into()),
        ("tidings-handler", "take_payment".into()),
        ("tidings-queue", QUEUE.into()),
        ("tidings-first-received-at", "2025-11-23T10:00:00.123Z".into()),
        ("tidings-dead-lettered-at", "2025-11-23T10:33:20.000Z".into()),
    ] {
        assert_eq!(sent.headers.get(name), Some(&value), "{name}");
    }
    assert_eq!(sent.headers.get("tidings-attempt"), None);
}

#[test]
fn a_publisher_on_the_domain_exchange_cannot_forge_an_attempt() {
    let mut forged = message("{}");
    for (name, value) in [
        ("tidings-attempt", "7"),
        ("Tidings-Attempt", "7"),
        ("tidings-original-routing-key", "payment.settled"),
        ("tidings-original-cc", "forged"),
        ("tidings-first-received-at", "2000-01-01T00:00:00Z"),
        ("tidings-error", "forged"),
        ("tidings-dropped-headers", "forged"),
    ] {
        forged.headers.set(name, value);
    }
    forged.headers.set("tidings-attempt", 7_i64);
    let origin = origin_of(&forged);
    assert_eq!((&*origin.routing_key, origin.attempt.number), (KEY, 1));
    assert_eq!(
        (origin.first_received_at, &origin.last_error),
        (received_at(), &None)
    );
    assert_eq!(origin.arrival, Arrival::Published);
    let sent = retry_with(&forged, 2, None);
    assert_eq!(sent.headers.text("tidings-original-routing-key"), Some(KEY));
    for name in [
        "Tidings-Attempt",
        "tidings-original-cc",
        "tidings-error",
        "tidings-dropped-headers",
    ] {
        assert_eq!(sent.headers.get(name), None, "{name}");
    }
}

#[test]
fn headers_from_the_return_exchange_of_another_service_are_not_trusted() {
    let mut message = returned(retry(&message("{}")));
    message.exchange = "shipping.return".into();
    assert_eq!(origin_of(&message).arrival, Arrival::Published);
    assert_eq!(
        origin(&message, "", QUEUE, received_at()).arrival,
        Arrival::Published
    );
    message.exchange = "".into();
    message.routing_key = "another.queue".into();
    assert_eq!(
        origin(&message, "", QUEUE, received_at()).arrival,
        Arrival::Published
    );
}

#[test]
fn a_redriven_dead_letter_starts_at_attempt_1_with_its_original_key() {
    let mut shovelled = dead_letter(&returned(retry(&with_everything())));
    shovelled.exchange = "".into();
    shovelled.routing_key = QUEUE.into();
    shovelled.headers.set("tidings-attempt", 7_i64);
    let origin = origin_of(&shovelled);
    assert_eq!(
        (&*origin.exchange, &*origin.routing_key, origin.attempt.number),
        (EXCHANGE, KEY, 1)
    );
    assert_eq!(
        (origin.first_received_at, &origin.last_error),
        (received_at(), &None)
    );
    assert_eq!(origin.arrival, Arrival::Redriven);
    let again = retry(&shovelled);
    assert_eq!(again.headers.text("tidings-original-routing-key"), Some(KEY));
    assert_eq!(again.headers.text("tidings-original-user-id"), Some("guest"));
    for name in [
        "tidings-dead-letter-reason",
        "tidings-attempts",
        "tidings-dead-lettered-at",
    ] {
        assert_eq!(again.headers.get(name), None, "{name}");
    }
}

#[test]
fn invalid_values_of_tidings_headers_count_as_absent() {
    for value in [
        HeaderValue::I64(0),
        HeaderValue::I64(-3),
        HeaderValue::I64(1 << 40),
        "7".into(),
        HeaderValue::Void,
    ] {
        let mut message = returned(message("{}"));
        for name in [
            "tidings-attempt",
            "tidings-first-received-at",
            "tidings-original-exchange",
            "tidings-original-routing-key",
        ] {
            message.headers.set(name, value.clone());
        }
        let origin = origin_of(&message);
        assert_eq!(
            (origin.attempt.number, origin.first_received_at),
            (1, received_at()),
            "{value:?}"
        );
    }
}

#[test]
fn an_error_text_has_one_line_per_cause() {
    #[derive(Debug)]
    struct Outer(io::Error);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("cannot charge")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    assert_eq!(
        chain(&Outer(io::Error::other("connection reset"))),
        "cannot charge\nconnection reset"
    );
    let repeated = Outer(io::Error::other("charge"));
    assert_eq!(
        chain(&repeated),
        "cannot charge",
        "a cause that the error above repeats is left out"
    );
}

#[test]
fn an_error_that_is_its_own_cause_has_a_finite_text() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    #[derive(Debug)]
    struct Round;
    impl std::fmt::Display for Round {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            // Every text differs, so that no line is left out as a repetition.
            write!(f, "round {}", CALLS.fetch_add(1, Relaxed))
        }
    }
    impl std::error::Error for Round {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(self)
        }
    }
    assert_eq!(chain(&Round).lines().count(), 33);
}

#[test]
fn error_text_is_cut_to_2_kib_between_characters() {
    for text in ["x".repeat(5000), "é".repeat(5000), "\u{1F980}".repeat(5000)] {
        let sent = retry_with(&message("{}"), 2, Some(&text));
        let cut = sent.headers.text("tidings-error").unwrap();
        assert!((2045..=2048).contains(&cut.len()), "{}", cut.len());
        assert!(cut.ends_with('…') && text.starts_with(cut.trim_end_matches('…')));
    }
    let fits = "x".repeat(2048);
    let sent = retry_with(&message("{}"), 2, Some(&fits));
    assert_eq!(sent.headers.text("tidings-error"), Some(fits.as_str()));
}

fn redacted_by(text: &str, redact: Redact<'_>) -> String {
    let details = RepublishDetails {
        redact: Some(redact),
        ..details(retry_kind(2), Some(text))
    };
    let sent = send(&message("{}"), TO_DELAY, &details);
    sent.headers.text("tidings-error").unwrap().to_owned()
}

#[test]
fn secrets_are_removed_before_the_text_is_cut() {
    let text = format!("{}password=hunter2", "x".repeat(2040));
    let redacted = redacted_by(&text, &|text| text.replace("password=hunter2", "***"));
    assert_eq!(redacted, format!("{}***", "x".repeat(2040)));
}

#[test]
fn a_redaction_hook_that_panics_reveals_no_secret() {
    let redacted = redacted_by("password=hunter2", &|_| panic!("in the hook"));
    assert_eq!(
        redacted,
        "the error's text is left out: the redaction hook panicked"
    );
}

/// A message with headers of these sizes, and limits that leave `spare` bytes for the headers of the republish.
fn full(spare: usize, big: &[(&str, usize)]) -> (Message, Limits) {
    let mut message = message("{}");
    for (name, bytes) in big {
        message.headers.set(*name, "x".repeat(*bytes));
    }
    let max_header_bytes = message.headers.wire_size() + spare;
    (
        message,
        Limits {
            max_header_bytes,
            ..Limits::default()
        },
    )
}

fn shrunk(message: &Message, limits: &Limits, error: &str) -> Message {
    let details = details(retry_kind(2), Some(error));
    republish(message, &origin_of(message), TO_DELAY, &details, limits)
}

#[test]
fn the_error_text_is_cut_before_foreign_headers_are_dropped() {
    let (message, limits) = full(1000, &[("tenant", 60_000), ("big", 60_000)]);
    let sent = shrunk(&message, &limits, &"e".repeat(2000));
    assert!(sent.headers.wire_size() <= limits.max_header_bytes);
    assert!(sent.headers.wire_size() > limits.max_header_bytes - 4);
    assert!(sent.headers.text("tidings-error").unwrap().ends_with("e…"));
    assert_eq!(sent.headers.text("big").map(str::len), Some(60_000));
    assert_eq!(sent.headers.get("tidings-dropped-headers"), None);
}

#[test]
fn the_largest_foreign_headers_are_dropped_and_listed() {
    let (message, limits) = full(0, &[("small", 10), ("largest", 70_000), ("large", 50_000)]);
    let sent = shrunk(&message, &limits, "the gateway is down");
    assert!(sent.headers.wire_size() <= limits.max_header_bytes);
    assert_eq!(sent.headers.text("tidings-dropped-headers"), Some("largest"));
    assert_eq!(sent.headers.get("largest"), None);
    assert_eq!(sent.headers.text("large").map(str::len), Some(50_000));
    assert_eq!(sent.headers.get("tidings-error"), None);
    let again = retry(&returned(sent));
    assert_eq!(again.headers.text("tidings-dropped-headers"), Some("largest"));
}

#[test]
fn a_shrunk_retry_fits_and_keeps_its_own_headers() {
    let names: Vec<String> = (0..600).map(|n| format!("{n:0>200}")).collect();
    let many: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 10)).collect();
    let (mut message, _) = full(0, &many);
    message
        .headers
        .set("CC", HeaderValue::List(vec!["x".repeat(60_000).into()]));
    let limits = Limits {
        max_header_bytes: 4000,
        ..Limits::default()
    };
    let sent = shrunk(&message, &limits, &"é".repeat(2000));
    assert!(sent.headers.wire_size() <= 4000, "{}", sent.headers.wire_size());
    let origin = origin_of(&returned(sent.clone()));
    assert_eq!((&*origin.routing_key, origin.attempt.number), (KEY, 2));
    assert!(
        sent.headers
            .text("tidings-dropped-headers")
            .unwrap()
            .starts_with("tidings-original-cc, ")
    );
}
