//! What holds of every message there is: said once, for the tests and the fuzz targets, which bring the messages.

use std::sync::Arc;

use super::body::Body;
use super::envelope;
use super::error_text::chain;
use super::limits::Limits;
use super::origin::origin;
use super::read;
use super::republish::{Destination, Details, RepublishKind, republish};
use crate::context::trace::TraceContext;
use crate::message::Message;
use crate::message::reason::Reason;
use crate::message::timestamp::Timestamp;

/// The return exchange of the service that looks.
pub(crate) const RETURN: &str = "payments.return";
/// The queue that the message comes from.
pub(crate) const QUEUE: &str = "payments.take_payment";

/// Reads, and looks at all that reading gives, the plain way and the thorough one.
///
/// # Panics
/// When it does not hold.
pub(crate) fn reading(message: &Message) {
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
        && let Some(plain) = envelope::read_plainly(&body)
    {
        let thorough = envelope::read_thoroughly(&body, None);
        assert_eq!(format!("{:?}", Some(plain)), format!("{:?}", thorough.ok()));
    }
    let _ = TraceContext::from_headers(&message.headers);
}

/// Sends on, to a retry and to the dead letters, and looks at what comes back.
///
/// # Panics
/// When it does not hold.
pub(crate) fn sending_on(message: &Message, error: &str, attempt: u32, max_header_bytes: usize) {
    let before = origin(message, RETURN, QUEUE, Timestamp::from_millis(0));
    let limits = Limits {
        max_header_bytes,
        ..Limits::default()
    };
    let to = Destination {
        exchange: "payments.delay",
        routing_key: "payments.take_payment.delay.1s",
    };
    let send = |fate| {
        let details = Details {
            service: "payments",
            handler: "take_payment",
            queue: QUEUE,
            first_received_at: Timestamp::from_millis(0),
            error: Some(error),
            redact: None,
            fate,
        };
        let sent = republish(message, &before, to, &details, &limits);
        let bytes = sent.headers.wire_size();
        assert!(
            bytes <= max_header_bytes,
            "{bytes} bytes of headers, over {max_header_bytes}"
        );
        assert_eq!(sent.body, message.body);
        let unset = &sent.properties;
        assert_eq!(
            (unset.expiration(), unset.user_id(), unset.reply_to()),
            (None, None, None)
        );
        assert_eq!((unset.priority(), unset.persistent()), (None, true));
        for name in ["CC", "BCC", "x-death"] {
            assert!(sent.headers.get(name).is_none(), "{name} is set");
        }
        sent
    };
    let mut retried = send(RepublishKind::Retry { attempt });
    retried.exchange = RETURN.into();
    retried.routing_key = QUEUE.into();
    let back = origin(&retried, RETURN, QUEUE, Timestamp::from_millis(0));
    assert_eq!(
        (back.exchange, back.routing_key),
        (before.exchange.clone(), before.routing_key.clone())
    );
    assert_eq!(back.attempt, attempt.max(1));

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
    assert_eq!(redriven.attempt, 1, "a redriven dead letter starts anew");
}
