//! Invariants of every message. The unit tests and the fuzz targets both check them.

use std::sync::Arc;

use super::body::Body;
use super::envelope;
use super::error_text::chain;
use super::limits::Limits;
use super::origin::{AttemptNumber, origin};
use super::read;
use super::republish::{Destination, RepublishDetails, RepublishKind, republish};
use crate::context::trace::TraceContext;
use crate::message::Message;
use crate::message::reason::Reason;
use crate::message::timestamp::Timestamp;

pub(crate) const RETURN: &str = "payments.return";
pub(crate) const QUEUE: &str = "payments.take_payment";

/// Checks the result of reading a message, and that the fast and the complete reader agree.
pub(crate) fn check_read(message: &Message) {
    let origin = origin(message, RETURN, QUEUE, Timestamp::from_millis(0));
    match read::read(&Arc::new(message.clone()), &origin, &Limits::default()) {
        Ok(event) => {
            assert!(!event.event_type().is_empty() && !event.metadata().id.is_empty());
            assert!(!event.metadata().correlation_id.is_empty());
            assert!(serde_json::from_str::<serde::de::IgnoredAny>(event.json()).is_ok());
        }
        Err(malformed) => assert!(!chain(&malformed).is_empty()),
    }
    if let Ok(body) = Body::of(message, &Limits::default())
        && let Some(fast) = envelope::read_fast(&body)
    {
        let complete = envelope::read_any(&body, None);
        assert_eq!(format!("{:?}", Some(fast)), format!("{:?}", complete.ok()));
    }
    let _ = TraceContext::from_headers(&message.headers);
}

/// Republishes a message as a retry and as a dead letter, and checks both messages and their origin.
pub(crate) fn check_republish(message: &Message, error: &str, attempt: u32, max_header_bytes: usize) {
    let before = origin(message, RETURN, QUEUE, Timestamp::from_millis(0));
    let limits = Limits {
        max_header_bytes,
        ..Limits::default()
    };
    let to = Destination {
        exchange: "payments.delay",
        routing_key: "payments.take_payment.delay.1s",
    };
    let send = |kind| {
        let details = RepublishDetails {
            service: "payments",
            handler: "take_payment",
            queue: QUEUE,
            first_received_at: Timestamp::from_millis(0),
            error: Some(error),
            redact: None,
            kind,
        };
        let sent = republish(message, &before, to, &details, &limits);
        let bytes = sent.headers.wire_size();
        assert!(
            bytes <= max_header_bytes,
            "{bytes} bytes of headers, over {max_header_bytes}"
        );
        assert_eq!(sent.body, message.body);
        let properties = &sent.properties;
        assert_eq!(
            (
                properties.expiration(),
                properties.user_id(),
                properties.reply_to()
            ),
            (None, None, None)
        );
        assert_eq!((properties.priority(), properties.persistent()), (None, true));
        for name in ["CC", "BCC", "x-death"] {
            assert!(sent.headers.get(name).is_none(), "{name} is set");
        }
        sent
    };
    let mut retried = send(RepublishKind::Retry {
        next: AttemptNumber {
            number: attempt,
            uncounted: 0,
        },
    });
    retried.exchange = RETURN.into();
    retried.routing_key = QUEUE.into();
    let returned = origin(&retried, RETURN, QUEUE, Timestamp::from_millis(0));
    assert_eq!(
        (returned.exchange, returned.routing_key),
        (before.exchange.clone(), before.routing_key.clone())
    );
    assert_eq!(returned.attempt.number, attempt.max(1));

    let mut dead = send(RepublishKind::DeadLetter {
        reason: Reason::Failed,
        attempts: attempt,
        at: Timestamp::from_millis(1),
    });
    dead.exchange = "".into();
    dead.routing_key = QUEUE.into();
    let redriven = origin(&dead, RETURN, QUEUE, Timestamp::from_millis(0));
    assert_eq!(
        (redriven.exchange, redriven.routing_key),
        (before.exchange.clone(), before.routing_key.clone())
    );
    assert_eq!(
        redriven.attempt.number, 1,
        "a redriven dead letter starts at attempt 1"
    );
}
