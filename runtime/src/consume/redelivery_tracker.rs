//! Counts the returns that do not point to a crash: this process caused them, or has settled the message since.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::message::Message;
use crate::wire::cloudevents;

/// How often a message returned without ending the process. Brokers count all returns alike, and the crash-loop check
/// needs the number without these.
#[derive(Debug, Clone, Default)]
pub(crate) struct RedeliveryTracker {
    recent: HashMap<u64, u32>,
    /// The entries of `recent` before it was last full.
    earlier: HashMap<u64, u32>,
}

impl RedeliveryTracker {
    /// The tracker knows at least this many recent messages; a forgotten message is only more suspect. A cluster whose
    /// nodes restart can redeliver tens of thousands of messages before it redelivers the first of them again.
    const MIN_REMEMBERED: usize = 50_000;

    /// Records that this process returned the message unsettled.
    pub(crate) fn returned(&mut self, message: &Message) {
        let key = key(message);
        let known = self.known(key);
        self.remember(key, known.saturating_add(1));
    }

    /// Records that a message that had returned `count` times was handled, or set aside.
    ///
    /// If the message returns once more, its acknowledgement was lost. Each time a cluster considers a node down, it
    /// redelivers the unsettled deliveries of the consumers on that node.
    pub(crate) fn settled(&mut self, message: &Message, count: u32) {
        let key = key(message);
        let known = self.known(key);
        self.remember(key, known.max(count.saturating_add(1)));
    }

    /// The broker's count without the returns that the tracker knows.
    pub(crate) fn unexplained_returns(&self, count: u32, message: &Message) -> u32 {
        if count == 0 || self.recent.is_empty() {
            return count;
        }
        count.saturating_sub(self.known(key(message)))
    }

    fn known(&self, key: u64) -> u32 {
        let known = self.recent.get(&key).or_else(|| self.earlier.get(&key));
        known.copied().unwrap_or(0)
    }

    fn remember(&mut self, key: u64, returns: u32) {
        if self.recent.len() >= Self::MIN_REMEMBERED {
            self.earlier = std::mem::take(&mut self.recent);
        }
        self.recent.insert(key, returns);
    }
}

/// The identity of a message. Equal messages have the same.
pub(super) fn key(message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    (
        &message.routing_key,
        message.properties.message_id(),
        message.properties.kind(),
        message.properties.app_id(),
        cloudevents::header_identity(message),
        &*message.body,
    )
        .hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::headers::Headers;

    fn message(id: &str) -> Message {
        let mut message = Message::default();
        message
            .properties
            .change(|it| it.message_id = Some(id.to_owned()));
        message
    }

    #[test]
    fn a_return_by_this_process_is_no_sign_of_a_crash() {
        let mut tracker = RedeliveryTracker::default();
        let (ours, other) = (message("ours"), message("other"));
        tracker.returned(&ours);
        tracker.returned(&ours);
        assert_eq!(tracker.unexplained_returns(5, &ours), 3);
        assert_eq!(
            tracker.unexplained_returns(1, &ours),
            0,
            "another broker may not count this return"
        );
        assert_eq!(tracker.unexplained_returns(5, &other), 5);
    }

    #[test]
    fn two_cloud_events_with_the_same_body_are_different_messages() {
        let cloud_event = |source: &str| Message {
            headers: Headers::from_iter([("ce-specversion", "1.0"), ("ce-id", "42"), ("ce-source", source)]),
            ..Message::default()
        };
        let mut tracker = RedeliveryTracker::default();
        tracker.returned(&cloud_event("/orders"));
        assert_eq!(tracker.unexplained_returns(1, &cloud_event("/orders")), 0);
        assert_eq!(tracker.unexplained_returns(1, &cloud_event("/shop")), 1);
    }

    #[test]
    fn a_message_that_this_process_settled_is_no_suspect_however_often_it_returns() {
        let mut tracker = RedeliveryTracker::default();
        let message = message("a");
        for count in 1..20 {
            assert!(
                tracker.unexplained_returns(count, &message) <= 1,
                "{count} returns, each settled"
            );
            tracker.settled(&message, count);
        }
        assert_eq!(
            tracker.unexplained_returns(20, &message),
            0,
            "its acknowledgement was lost"
        );
        assert_eq!(
            tracker.unexplained_returns(23, &message),
            3,
            "three returns since the settlement"
        );
    }

    #[test]
    fn the_tracker_remembers_recent_messages_and_forgets_old_ones() {
        let mut tracker = RedeliveryTracker::default();
        let last = 5 * RedeliveryTracker::MIN_REMEMBERED / 2;
        for number in 0..last {
            tracker.returned(&message(&number.to_string()));
        }
        assert!(tracker.recent.len() + tracker.earlier.len() <= 2 * RedeliveryTracker::MIN_REMEMBERED);
        let oldest_recent = message(&(last - RedeliveryTracker::MIN_REMEMBERED).to_string());
        assert_eq!(tracker.unexplained_returns(1, &oldest_recent), 0);
        assert_eq!(
            tracker.unexplained_returns(1, &message("0")),
            1,
            "the tracker has forgotten it"
        );
    }
}
