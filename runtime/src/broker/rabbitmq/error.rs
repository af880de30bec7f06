//! What the broker says when it refuses: its words, read.
//!
//! It answers with a number and a sentence. The number says what kind of fault it is; which thing it is about, and what
//! would be right, stands in the sentence alone. The forms are those of RabbitMQ 3.10 to 4.3.

use std::fmt;

use lapin::{Error, ErrorKind};

use super::tls;
use crate::error::Drift;

const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const PRECONDITION_FAILED: u16 = 406;
const CONNECTION_FORCED: u16 = 320;
const NOT_ALLOWED: u16 = 530;
const INTERNAL_ERROR: u16 = 541;

/// Why the broker closed a channel or a connection, or why there is none.
#[derive(Debug, Clone)]
pub(super) struct RabbitError {
    code: Option<u16>,
    text: String,
    /// Whether the two ends cannot talk: they do not agree on TLS, or the other speaks no AMQP.
    deaf: bool,
}

/// A fault of one thing on the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeclaredKind<'a> {
    /// `queue` or `exchange`.
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
}

impl RabbitError {
    /// A fault that no broker told us.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            code: None,
            text: text.into(),
            deaf: false,
        }
    }

    /// A fault in the broker's words.
    #[cfg(test)]
    pub(super) fn said(code: u16, text: &str) -> Self {
        Self {
            code: Some(code),
            text: text.to_owned(),
            deaf: false,
        }
    }

    /// Whether trying again later may help. Where it cannot, someone has to change something first.
    pub(super) fn is_final(&self) -> bool {
        self.deaf || matches!(self.code, Some(ACCESS_REFUSED | NOT_ALLOWED))
    }

    pub(super) fn is_deaf(&self) -> bool {
        self.deaf
    }

    /// Whether the other end hung up without a word.
    pub(super) fn is_hang_up(&self) -> bool {
        self.code.is_none()
            && self.text == std::io::Error::from(std::io::ErrorKind::ConnectionAborted).to_string()
    }

    pub(super) fn is_missing(&self) -> bool {
        self.code == Some(NOT_FOUND)
    }

    pub(super) fn is_forbidden(&self) -> bool {
        self.code == Some(ACCESS_REFUSED)
    }

    /// Whether it is about something that was sent, and not about the way there or the broker as a whole: sending the
    /// same again would bring the same answer.
    pub(super) fn blames_what_was_sent(&self) -> bool {
        self.code
            .is_some_and(|code| !matches!(code, CONNECTION_FORCED | INTERNAL_ERROR))
    }

    /// The exchange or queue that it is about.
    // NOT_FOUND - no exchange 'x' in vhost '/'
    // ACCESS_REFUSED - access to queue 'x' in vhost '/' refused for user 'u'
    // ACCESS_REFUSED - write access to exchange 'x' in vhost '/' refused for user 'u'
    // ACCESS_REFUSED - access to topic 'k' in exchange 'x' in vhost '/' refused for user 'u'
    pub(super) fn thing(&self) -> Option<DeclaredKind<'_>> {
        ["exchange", "queue"].into_iter().find_map(|kind| {
            let start = format!("{kind} '");
            let at = self.text.find(&start)? + start.len();
            let rest = &self.text[at..];
            // A name may hold a quote; what ends it is the text that follows.
            let end = rest.find("' in vhost").or_else(|| rest.find('\''))?;
            Some(DeclaredKind {
                kind,
                name: &rest[..end],
            })
        })
    }

    /// What stands differently on the broker.
    // inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received '1' but current is '2'
    // inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received none but current is the value '2' of type 'long'
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
        })
    }
}

/// A value as the broker writes it: `'1'`, `none`, `the value '1' of type 'signedint'`.
fn value(text: &str) -> String {
    let text = text.trim().strip_prefix("the value ").unwrap_or(text.trim());
    let text = text.split_once("' of type ").map_or(text, |(value, _)| value);
    text.trim_matches('\'').to_owned()
}

impl From<&Error> for RabbitError {
    fn from(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::ProtocolError(error) => Self {
                code: Some(error.get_id()),
                text: error.get_message().as_str().to_owned(),
                deaf: false,
            },
            // Said of TLS alone: a certificate, an alert, or what is no TLS at all.
            ErrorKind::IOError(error) if tls::is_at_odds(error) => Self {
                code: None,
                text: tls::explained(&error.to_string()),
                deaf: true,
            },
            // A port for TLS answers with an alert.
            ErrorKind::ParsingError(_) => Self {
                code: None,
                text: "what answers speaks no AMQP; if this port is for TLS, write amqps://".to_owned(),
                deaf: true,
            },
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
        f.write_str(&self.text)
    }
}

impl std::error::Error for RabbitError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drift_is_read_in_every_form_that_brokers_write() {
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
            let drift = RabbitError::said(406, text).drift().unwrap();
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
            RabbitError::said(406, "PRECONDITION_FAILED - unknown delivery tag 7").drift(),
            None
        );
        assert_eq!(
            RabbitError::said(404, "inequivalent arg 'a' for b: received c but current is d").drift(),
            None
        );
    }

    #[test]
    fn the_thing_it_is_about_is_read() {
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
                RabbitError::said(403, text).thing(),
                Some(DeclaredKind { kind, name }),
                "{text}"
            );
        }
        assert_eq!(
            RabbitError::said(320, "CONNECTION_FORCED - shutdown").thing(),
            None
        );
    }
}
