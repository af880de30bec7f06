//! The publish that has waited longest for its confirm.
//!
//! One queue that does not answer holds back the publishes of the whole connection, because the broker stops reading
//! from a channel with too many unconfirmed publishes. Nothing is closed then, so only the waiting time shows it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::message::Message;

/// How long a publish may wait before the bus is not ready.
const BOUND: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Default)]
pub(super) struct OldestPublish(Arc<Mutex<Option<WaitingPublish>>>);

#[derive(Debug)]
struct WaitingPublish {
    message: Arc<Message>,
    /// When the message was first seen as the oldest one. A message that is sent again on a new channel keeps this time.
    since: Instant,
    /// The number of publishes that wait with it.
    unconfirmed: usize,
    is_late: bool,
}

impl OldestPublish {
    /// Records which publish is the oldest now.
    pub(super) fn update(&self, oldest: Option<&Arc<Message>>, unconfirmed: usize, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.take();
        let was_late = before.as_ref().is_some_and(|publish| publish.is_late);
        let same = before.filter(|publish| oldest.is_some_and(|it| Arc::ptr_eq(it, &publish.message)));
        *known = oldest.map(|message| {
            let since = same.map_or(now, |publish| publish.since);
            WaitingPublish {
                message: Arc::clone(message),
                since,
                unconfirmed,
                is_late: now - since >= BOUND,
            }
        });
        match known.as_ref().filter(|publish| publish.is_late) {
            Some(late) if !was_late => tracing::warn!(
                exchange = &*late.message.exchange,
                routing_key = &*late.message.routing_key,
                event_id = late.message.properties.message_id(),
                unconfirmed,
                "publishes are not confirmed"
            ),
            None if was_late => tracing::info!("publishes are confirmed again"),
            _ => {}
        }
    }

    /// How long the oldest publish has waited.
    pub(super) fn waited(&self, now: Instant) -> Option<Duration> {
        let oldest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        oldest
            .as_ref()
            .map(|publish| now.saturating_duration_since(publish.since))
    }

    /// What is wrong, when the oldest publish has waited too long.
    pub(super) fn problem(&self, now: Instant) -> Option<String> {
        let waited = self.waited(now).filter(|waited| *waited >= BOUND)?;
        let oldest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let WaitingPublish {
            message, unconfirmed, ..
        } = oldest.as_ref()?;
        Some(format!(
            "the broker has not confirmed a publish to exchange `{}` with routing key `{}` for {} s ({unconfirmed} \
             publishes wait); look for a queue with a matching binding that does not answer, such as a quorum queue \
             without a leader",
            message.exchange.escape_debug(),
            message.routing_key.escape_debug(),
            waited.as_secs()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_publish_that_stays_the_oldest_becomes_a_problem_until_it_is_confirmed() {
        let (oldest, start) = (OldestPublish::default(), Instant::now());
        let message = |key: &str| {
            Arc::new(Message {
                routing_key: key.into(),
                ..Message::default()
            })
        };
        let (stuck, next) = (message("stuck"), message("next"));
        oldest.update(Some(&stuck), 2, start);
        assert_eq!(oldest.waited(start + BOUND / 2), Some(BOUND / 2));
        assert_eq!(oldest.problem(start + BOUND / 2), None);
        oldest.update(Some(&stuck), 2, start + BOUND);
        let problem = oldest.problem(start + BOUND).unwrap();
        assert!(
            problem.contains("`stuck` for 10 s (2 publishes wait)"),
            "{problem}"
        );
        // Another publish is the oldest now, and has its own time.
        oldest.update(Some(&next), 1, start + BOUND);
        assert_eq!(oldest.problem(start + BOUND), None);
        oldest.update(None, 0, start + BOUND);
        assert_eq!(oldest.waited(start + BOUND), None);
    }
}
