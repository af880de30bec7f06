//! The errors of the broker and of the client library.
//!
//! RabbitMQ answers with a code and a text. Only the text names the queue or exchange, and the argument that differs.
//! This file parses the texts of RabbitMQ 3.10 to 4.3.

use std::fmt;
use std::time::Duration;

use lapin::{Error, ErrorKind};

use super::tls;
use crate::broker::acknowledgement_timed_out;
use crate::error::Drift;
use crate::message::shown::shown_error;

const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const PRECONDITION_FAILED: u16 = 406;
const CONNECTION_FORCED: u16 = 320;
const NOT_ALLOWED: u16 = 530;
const INTERNAL_ERROR: u16 = 541;

/// The text for a connection that may open no further channel.
const NO_CHANNEL: &str = "the connection has no channel left; each handler needs one, and declarations need one more; \
                          raise `channel_max` in the broker's configuration";

/// Why a channel or a connection was closed, or could not be opened.
#[derive(Debug, Clone)]
pub(super) struct RabbitError {
    code: Option<u16>,
    text: String,
    /// Whether the TLS handshake failed, or the peer does not speak AMQP.
    incompatible: bool,
}

/// The queue or exchange that an error is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BrokerObject<'a> {
    /// `queue` or `exchange`.
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
}

impl RabbitError {
    /// An error that does not come from the broker.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            code: None,
            text: text.into(),
            incompatible: false,
        }
    }

    pub(super) fn from_broker(code: u16, text: &str) -> Self {
        Self {
            code: Some(code),
            ..Self::new(text)
        }
    }

    /// An error because the peer does not speak our protocol.
    fn incompatible(text: impl Into<String>) -> Self {
        Self {
            incompatible: true,
            ..Self::new(text)
        }
    }

    /// Whether a retry cannot help, because an operator must change a setting first.
    pub(super) fn is_final(&self) -> bool {
        self.incompatible || matches!(self.code, Some(ACCESS_REFUSED | NOT_ALLOWED))
    }

    pub(super) fn is_incompatible(&self) -> bool {
        self.incompatible
    }

    /// Whether the peer closed the connection without an error.
    pub(super) fn is_hang_up(&self) -> bool {
        self.code.is_none()
            && self.text == std::io::Error::from(std::io::ErrorKind::ConnectionAborted).to_string()
    }

    /// Whether the connection may open no further channel.
    pub(super) fn is_channel_limit(&self) -> bool {
        self.code.is_none() && self.text == NO_CHANNEL
    }

    pub(super) fn is_not_found(&self) -> bool {
        self.code == Some(NOT_FOUND)
    }

    pub(super) fn is_forbidden(&self) -> bool {
        self.code == Some(ACCESS_REFUSED)
    }

    /// Whether the broker refused a frame that we sent. It would refuse the same frame again.
    pub(super) fn is_about_a_frame(&self) -> bool {
        self.code
            .is_some_and(|code| !matches!(code, CONNECTION_FORCED | INTERNAL_ERROR))
    }

    /// The exchange or queue that the text names.
    // NOT_FOUND - no exchange 'x' in vhost '/'
    // ACCESS_REFUSED - access to queue 'x' in vhost '/' refused for user 'u'
    // ACCESS_REFUSED - write access to exchange 'x' in vhost '/' refused for user 'u'
    // ACCESS_REFUSED - access to topic 'k' in exchange 'x' in vhost '/' refused for user 'u'
    pub(super) fn object(&self) -> Option<BrokerObject<'_>> {
        ["exchange", "queue"].into_iter().find_map(|kind| {
            let start = format!("{kind} '");
            let at = self.text.find(&start)? + start.len();
            let rest = &self.text[at..];
            // A name can contain a quote, so the text after the name marks its end.
            let end = rest.find("' in vhost").or_else(|| rest.find('\''))?;
            Some(BrokerObject {
                kind,
                name: &rest[..end],
            })
        })
    }

    /// The routing key that the user may not publish to the exchange, when the text names one.
    // ACCESS_REFUSED - access to topic 'k' in exchange 'x' in vhost '/' refused for user 'u'
    // ACCESS_REFUSED - write access to topic 'k' in exchange 'x' in vhost '/' refused for user 'u'
    pub(super) fn forbidden_key(&self) -> Option<&str> {
        let (_, rest) = self.text.split_once("access to topic '")?;
        rest.split_once("' in exchange '").map(|(key, _)| key)
    }

    /// The largest body that the broker accepts, when it refused a larger one.
    // PRECONDITION_FAILED - message size 200031 is larger than configured max size 100000
    pub(super) fn max_message_size(&self) -> Option<usize> {
        let (_, size) = self.text.split_once("is larger than configured max size ")?;
        size.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
    }

    /// The reason for the end of a subscription.
    // PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 5000 ms. This timeout …
    pub(super) fn end_reason(&self) -> String {
        let timeout = || {
            let (_, rest) = self.text.split_once("delivery acknowledgement on channel")?;
            let (_, rest) = rest.split_once("Timeout value used: ")?;
            let (millis, _) = rest.split_once(" ms")?;
            Some(Duration::from_millis(millis.parse().ok()?))
        };
        timeout().map_or_else(|| self.text.clone(), acknowledgement_timed_out)
    }

    /// The argument that differs from the declared one.
    // inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received '1' but current is '2'
    // inequivalent arg 'x-expires' for queue 'q' in vhost '/': received none but current is the value '2' of type 'long'
    // inequivalent arg 'type' for exchange 'e' in vhost '/': received 'topic' but current is 'direct'
    pub(super) fn drift(&self) -> Option<Drift> {
        if self.code != Some(PRECONDITION_FAILED) {
            return None;
        }
        let (_, rest) = self.text.split_once("inequivalent arg '")?;
        let (argument, rest) = rest.split_once("' for ")?;
        let (_, rest) = rest.split_once(": received ")?;
        let (wanted, found) = rest.split_once(" but current is ")?;
        Some(Drift {
            argument: argument.to_owned(),
            found: value(found),
            wanted: value(wanted),
            advice: Drift::OF_QUEUE,
        })
    }
}

/// Parses a value as the broker writes it: `'1'`, `none`, `the value '1' of type 'signedint'`.
fn value(text: &str) -> String {
    let text = text.trim().strip_prefix("the value ").unwrap_or(text.trim());
    let text = text.split_once("' of type ").map_or(text, |(value, _)| value);
    text.trim_matches('\'').to_owned()
}

impl From<&Error> for RabbitError {
    fn from(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::ProtocolError(error) => {
                Self::from_broker(error.get_id(), error.get_message().as_str())
            }
            ErrorKind::IOError(error) if tls::is_tls_error(error) => {
                Self::incompatible(tls::with_advice(&error.to_string()))
            }
            // A TLS port answers plain AMQP with a TLS alert.
            ErrorKind::ParsingError(_) => {
                Self::incompatible("the peer does not speak AMQP; if this port is for TLS, write amqps://")
            }
            ErrorKind::ChannelsLimitReached => Self::new(NO_CHANNEL),
            ErrorKind::IOError(error) => Self::new(error.to_string()),
            _ => Self::new(error.to_string()),
        }
    }
}

impl From<Error> for RabbitError {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl fmt::Display for RabbitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown_error(&self.text).fmt(f)
    }
}

impl std::error::Error for RabbitError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drift_is_parsed_in_every_form_that_rabbitmq_writes() {
        for (text, argument, wanted, found) in [
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'pay.delay.1s' in vhost '/': received \
                 '1000' but current is '2000'",
                "x-message-ttl",
                "1000",
                "2000",
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-single-active-consumer' for queue 'a.b' in vhost 'v': \
                 received the value 'true' of type 'bool' but current is none",
                "x-single-active-consumer",
                "true",
                "none",
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-dead-letter-exchange' for queue 'q' in vhost '/': received \
                 none but current is the value 'it's' of type 'longstr'",
                "x-dead-letter-exchange",
                "none",
                "it's",
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'domain_events' in vhost '/': received \
                 'topic' but current is 'direct'",
                "type",
                "topic",
                "direct",
            ),
        ] {
            let drift = RabbitError::from_broker(406, text).drift().unwrap();
            assert_eq!(
                (
                    drift.argument.as_str(),
                    drift.wanted.as_str(),
                    drift.found.as_str()
                ),
                (argument, wanted, found)
            );
        }
        assert_eq!(
            RabbitError::from_broker(406, "PRECONDITION_FAILED - unknown delivery tag 7").drift(),
            None
        );
        assert_eq!(
            RabbitError::from_broker(404, "inequivalent arg 'a' for b: received c but current is d").drift(),
            None
        );
    }

    #[test]
    fn the_queue_or_exchange_of_an_error_is_parsed() {
        for (text, kind, name) in [
            (
                "NOT_FOUND - no exchange 'domain_events' in vhost '/'",
                "exchange",
                "domain_events",
            ),
            ("NOT_FOUND - no queue 'it's' in vhost '/'", "queue", "it's"),
            (
                "ACCESS_REFUSED - access to queue 'a.b' in vhost '/' refused for user 'u'",
                "queue",
                "a.b",
            ),
            (
                "ACCESS_REFUSED - write access to exchange 'e' in vhost 'v' refused for user 'u'",
                "exchange",
                "e",
            ),
            (
                "ACCESS_REFUSED - access to topic 'order.created' in exchange 'e' in vhost '/' refused for user 'u'",
                "exchange",
                "e",
            ),
        ] {
            assert_eq!(
                RabbitError::from_broker(403, text).object(),
                Some(BrokerObject { kind, name }),
                "{text}"
            );
        }
        assert_eq!(
            RabbitError::from_broker(320, "CONNECTION_FORCED - shutdown").object(),
            None
        );
    }

    #[test]
    fn the_reason_for_the_end_of_a_subscription_says_what_to_change() {
        let reason = |code, text| RabbitError::from_broker(code, text).end_reason();
        let timed_out = "PRECONDITION_FAILED - delivery acknowledgement on channel 2 timed out. Timeout value used: \
                         5000 ms. This timeout value can be configured, see consumers doc guide to learn more";
        let advised = reason(406, timed_out);
        assert!(
            advised.starts_with("delivery acknowledgement timed out after 5 s; raise `consumer_timeout`"),
            "{advised}"
        );
        let forced = "CONNECTION_FORCED - maintenance";
        assert_eq!(reason(320, forced), forced);
    }

    #[test]
    fn the_forbidden_key_of_an_error_is_parsed() {
        for (text, key) in [
            (
                "ACCESS_REFUSED - access to topic 'order.it's' in exchange 'e' in vhost '/' refused for user 'u'",
                Some("order.it's"),
            ),
            (
                "ACCESS_REFUSED - write access to topic 'a.b' in exchange 'e' in vhost '/' refused for user 'u'",
                Some("a.b"),
            ),
            (
                "ACCESS_REFUSED - write access to exchange 'e' in vhost 'v' refused for user 'u'",
                None,
            ),
        ] {
            assert_eq!(RabbitError::from_broker(403, text).forbidden_key(), key);
        }
    }
}
