//! What the broker closed a channel for a short time ago: a forbidden exchange or routing key, or a body that is too
//! large.
//!
//! Such a publish closes the channel, and all other unconfirmed publishes must be sent again on a new one. So a publish
//! that the broker would refuse again is refused without the broker.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::error::RabbitError;
use crate::bus::refusal::Refusal;
use crate::message::Message;

/// How long a refusal is remembered. A new permission takes effect after this time at the latest.
const REMEMBERED: Duration = Duration::from_secs(5);

/// The most refusals that are remembered. The oldest is forgotten first.
const MAX_REFUSALS: usize = 256;

/// The oldest refusal comes first.
#[derive(Debug, Default)]
pub(super) struct KnownRefusals(VecDeque<KnownRefusal>);

#[derive(Debug)]
struct KnownRefusal {
    cause: RefusalCause,
    refusal: Refusal,
    until: Instant,
}

#[derive(Debug)]
enum RefusalCause {
    Forbidden {
        exchange: String,
        /// `None` if every key is forbidden.
        routing_key: Option<String>,
    },
    LargerThan(usize),
}

impl RefusalCause {
    fn of(error: &RabbitError) -> Option<Self> {
        if let Some(max) = error.max_message_size() {
            return Some(Self::LargerThan(max));
        }
        let exchange = error
            .object()
            .filter(|it| error.is_forbidden() && it.kind == "exchange")?;
        Some(Self::Forbidden {
            exchange: exchange.name.to_owned(),
            routing_key: error.forbidden_key().map(str::to_owned),
        })
    }

    fn applies_to(&self, message: &Message) -> bool {
        match self {
            Self::Forbidden {
                exchange,
                routing_key,
            } => {
                let routing_key = routing_key.as_deref();
                *exchange == *message.exchange && routing_key.is_none_or(|key| key == &*message.routing_key)
            }
            Self::LargerThan(bytes) => message.body.len() > *bytes,
        }
    }
}

impl KnownRefusals {
    /// Remembers why the broker closed a channel, if other publishes would have the same end.
    pub(super) fn remember(&mut self, error: &RabbitError, refusal: Refusal, now: Instant) {
        let Some(cause) = RefusalCause::of(error) else {
            return;
        };
        if self.0.len() >= MAX_REFUSALS {
            self.0.pop_front();
        }
        let until = now + REMEMBERED;
        self.0.push_back(KnownRefusal {
            cause,
            refusal,
            until,
        });
    }

    /// The refusal of the message, if it is known.
    pub(super) fn find(&mut self, message: &Message, now: impl FnOnce() -> Instant) -> Option<Refusal> {
        if self.0.is_empty() {
            return None;
        }
        let now = now();
        while self.0.pop_front_if(|known| known.until <= now).is_some() {}
        let known = self.0.iter().find(|known| known.cause.applies_to(message));
        known.map(|known| known.refusal.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(refusals: &mut KnownRefusals, code: u16, text: &str, now: Instant) {
        let error = RabbitError::from_broker(code, text);
        refusals.remember(&error, Refusal::Forbidden(text.to_owned()), now);
    }

    fn forbid(refusals: &mut KnownRefusals, key: &str, now: Instant) {
        let text = format!(
            "ACCESS_REFUSED - write access to topic '{key}' in exchange 'e' in vhost '/' refused for user 'u'"
        );
        refuse(refusals, 403, &text, now);
    }

    fn message(exchange: &str, routing_key: &str, bytes: usize) -> Message {
        Message {
            exchange: exchange.into(),
            routing_key: routing_key.into(),
            body: vec![0; bytes].into(),
            ..Message::default()
        }
    }

    #[tokio::test]
    async fn a_forbidden_key_is_refused_until_it_is_forgotten() {
        let (mut refusals, start) = (KnownRefusals::default(), Instant::now());
        forbid(&mut refusals, "a", start);
        let mut is_refused = |exchange, key, at| refusals.find(&message(exchange, key, 0), || at).is_some();
        assert!(is_refused("e", "a", start));
        assert!(!is_refused("e", "b", start) && !is_refused("other", "a", start));
        assert!(!is_refused("e", "a", start + REMEMBERED));
    }

    #[tokio::test]
    async fn a_forbidden_exchange_refuses_every_key() {
        let (mut refusals, now) = (KnownRefusals::default(), Instant::now());
        let text = "ACCESS_REFUSED - write access to exchange 'e' in vhost '/' refused for user 'u'";
        refuse(&mut refusals, 403, text, now);
        assert!(refusals.find(&message("e", "a", 0), || now).is_some());
        assert!(refusals.find(&message("other", "a", 0), || now).is_none());
    }

    #[tokio::test]
    async fn a_body_over_the_limit_of_the_broker_is_refused() {
        let (mut refusals, now) = (KnownRefusals::default(), Instant::now());
        let text = "PRECONDITION_FAILED - message size 31 is larger than configured max size 10";
        refuse(&mut refusals, 406, text, now);
        assert!(refusals.find(&message("e", "a", 11), || now).is_some());
        assert!(refusals.find(&message("e", "a", 10), || now).is_none());
    }

    #[tokio::test]
    async fn other_reasons_are_not_remembered() {
        let (mut refusals, now) = (KnownRefusals::default(), Instant::now());
        refuse(
            &mut refusals,
            404,
            "NOT_FOUND - no exchange 'e' in vhost '/'",
            now,
        );
        refuse(
            &mut refusals,
            406,
            "PRECONDITION_FAILED - unknown delivery tag 7",
            now,
        );
        assert!(refusals.0.is_empty());
    }

    #[tokio::test]
    async fn the_number_of_remembered_keys_is_bounded() {
        let (mut refusals, now) = (KnownRefusals::default(), Instant::now());
        for key in 0..=MAX_REFUSALS {
            forbid(&mut refusals, &key.to_string(), now);
        }
        assert_eq!(refusals.0.len(), MAX_REFUSALS);
        assert!(refusals.find(&message("e", "0", 0), || now).is_none());
        assert!(refusals.find(&message("e", "1", 0), || now).is_some());
    }
}
