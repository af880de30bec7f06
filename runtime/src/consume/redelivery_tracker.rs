//! Returns that ended no process: what this one returned itself, and what it saw through.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::message::Message;

/// How often a message came back though it ended no process: this one returned it unsettled, or saw it through and is
/// still there. Brokers count all returns alike.
#[derive(Debug, Clone, Default)]
pub(crate) struct RedeliveryTracker {
    recent: HashMap<u64, u32>,
    /// What was recent before that was full.
    earlier: HashMap<u64, u32>,
}

impl RedeliveryTracker {
    /// Of so many messages at the least the last is known; one that is forgotten merely looks more suspect. A cluster whose
    /// nodes restart has been seen to hand out tens of thousands a second time before it came to the first of them again.
    const LEAST: usize = 50_000;

    /// This process returned it unsettled.
    pub(crate) fn add(&mut self, message: &Message) {
        let key = key(message);
        let known = self.known(key);
        self.remember(key, known.saturating_add(1));
    }

    /// A message that had come back `count` times is done with, handled or set aside as another that is to be handled
    /// alone. Should it come back once more, the broker has not taken its acknowledgement: a cluster that thinks one of its
    /// nodes away hands out again what a consumer there holds, as often as it thinks so.
    pub(crate) fn seen_through(&mut self, message: &Message, count: u32) {
        let key = key(message);
        let known = self.known(key);
        self.remember(key, known.max(count.saturating_add(1)));
    }

    /// The broker's count without those.
    pub(crate) fn subtract_from(&self, count: u32, message: &Message) -> u32 {
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
        if self.recent.len() >= Self::LEAST {
            self.earlier = std::mem::take(&mut self.recent);
        }
        self.recent.insert(key, returns);
    }
}

fn key(message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    (
        &message.routing_key,
        message.properties.message_id(),
        &*message.body,
    )
        .hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str) -> Message {
        let mut message = Message::default();
        message
            .properties
            .change(|it| it.message_id = Some(id.to_owned()));
        message
    }

    #[test]
    fn what_this_process_returned_itself_is_no_sign_of_a_crash() {
        let mut returns = RedeliveryTracker::default();
        let (ours, other) = (message("ours"), message("other"));
        returns.add(&ours);
        returns.add(&ours);
        assert_eq!(returns.subtract_from(5, &ours), 3);
        assert_eq!(
            returns.subtract_from(1, &ours),
            0,
            "another broker may not have counted it"
        );
        assert_eq!(returns.subtract_from(5, &other), 5);
    }

    #[test]
    fn what_this_process_saw_through_is_no_suspect_however_often_it_came_back() {
        let mut returns = RedeliveryTracker::default();
        let message = message("a");
        for count in 1..20 {
            assert!(
                returns.subtract_from(count, &message) <= 1,
                "{count} returns, each survived"
            );
            returns.seen_through(&message, count);
        }
        assert_eq!(
            returns.subtract_from(20, &message),
            0,
            "its acknowledgement was lost"
        );
        assert_eq!(returns.subtract_from(23, &message), 3, "those came after");
    }

    #[test]
    fn it_remembers_the_last_and_no_more_than_twice_as_many() {
        let mut returns = RedeliveryTracker::default();
        let last = 5 * RedeliveryTracker::LEAST / 2;
        for number in 0..last {
            returns.add(&message(&number.to_string()));
        }
        assert!(returns.recent.len() + returns.earlier.len() <= 2 * RedeliveryTracker::LEAST);
        let first_of_the_last = message(&(last - RedeliveryTracker::LEAST).to_string());
        assert_eq!(returns.subtract_from(1, &first_of_the_last), 0);
        assert_eq!(returns.subtract_from(1, &message("0")), 1, "long forgotten");
    }
}
