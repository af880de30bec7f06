//! The exchanges and routing keys that the broker forbade a short time ago.
//!
//! A forbidden publish closes the channel, and all other unconfirmed publishes must be sent again on a new one. So a
//! publish that the broker would forbid again is refused without the broker.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::error::RabbitError;
use crate::bus::refusal::Refusal;
use crate::message::Message;

/// How long a target is remembered. A permission that is granted takes effect after this time at the latest.
const REMEMBERED: Duration = Duration::from_secs(5);

/// The most targets that are remembered. The oldest is forgotten first.
const MAX_TARGETS: usize = 256;

/// The oldest target comes first.
#[derive(Debug, Default)]
pub(super) struct ForbiddenTargets(VecDeque<ForbiddenTarget>);

#[derive(Debug)]
struct ForbiddenTarget {
    exchange: String,
    /// `None` if every key is forbidden.
    routing_key: Option<String>,
    refusal: Refusal,
    until: Instant,
}

impl ForbiddenTargets {
    /// Remembers the target that the broker closed the channel for.
    pub(super) fn remember(&mut self, error: &RabbitError, refusal: Refusal, now: Instant) {
        let Some(exchange) = error.object().filter(|it| it.kind == "exchange") else {
            return;
        };
        if self.0.len() >= MAX_TARGETS {
            self.0.pop_front();
        }
        self.0.push_back(ForbiddenTarget {
            exchange: exchange.name.to_owned(),
            routing_key: error.forbidden_key().map(str::to_owned),
            refusal,
            until: now + REMEMBERED,
        });
    }

    /// The refusal of the message, if its target is remembered.
    pub(super) fn refusal(&mut self, message: &Message, now: impl FnOnce() -> Instant) -> Option<Refusal> {
        if self.0.is_empty() {
            return None;
        }
        let now = now();
        while self.0.pop_front_if(|target| target.until <= now).is_some() {}
        let forbidden = self.0.iter().find(|target| {
            target.exchange == *message.exchange
                && target
                    .routing_key
                    .as_deref()
                    .is_none_or(|key| key == &*message.routing_key)
        });
        forbidden.map(|target| target.refusal.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forbid(targets: &mut ForbiddenTargets, key: &str, now: Instant) {
        let text = format!(
            "ACCESS_REFUSED - write access to topic '{key}' in exchange 'e' in vhost '/' refused for user 'u'"
        );
        let error = RabbitError::from_broker(403, &text);
        targets.remember(&error, Refusal::Forbidden(text), now);
    }

    fn message(exchange: &str, routing_key: &str) -> Message {
        Message {
            exchange: exchange.into(),
            routing_key: routing_key.into(),
            ..Message::default()
        }
    }

    #[tokio::test]
    async fn a_forbidden_key_is_refused_until_it_is_forgotten() {
        let (mut targets, start) = (ForbiddenTargets::default(), Instant::now());
        forbid(&mut targets, "a", start);
        let mut refused = |exchange, key, at| targets.refusal(&message(exchange, key), || at).is_some();
        assert!(refused("e", "a", start));
        assert!(!refused("e", "b", start) && !refused("other", "a", start));
        assert!(!refused("e", "a", start + REMEMBERED));
    }

    #[tokio::test]
    async fn a_forbidden_exchange_refuses_every_key() {
        let (mut targets, now) = (ForbiddenTargets::default(), Instant::now());
        let text = "ACCESS_REFUSED - write access to exchange 'e' in vhost '/' refused for user 'u'";
        let error = RabbitError::from_broker(403, text);
        targets.remember(&error, Refusal::Forbidden(text.to_owned()), now);
        assert!(targets.refusal(&message("e", "a"), || now).is_some());
        assert!(targets.refusal(&message("other", "a"), || now).is_none());
    }

    #[tokio::test]
    async fn the_number_of_remembered_keys_is_bounded() {
        let (mut targets, now) = (ForbiddenTargets::default(), Instant::now());
        for key in 0..=MAX_TARGETS {
            forbid(&mut targets, &key.to_string(), now);
        }
        assert_eq!(targets.0.len(), MAX_TARGETS);
        assert!(targets.refusal(&message("e", "0"), || now).is_none());
        assert!(targets.refusal(&message("e", "1"), || now).is_some());
    }
}
