//! The outbox: every message that the publisher holds, and what is to become of each.
//!
//! A message is in one of three places: in `waiting`, and then it has not left, or is to leave again; in the ledger,
//! under way; or answered. A lost channel moves all that was under way back to the front of `waiting`, in order.
//!
//! No channel and no clock is in here, so that every order of events can be tried without a broker.

use std::collections::VecDeque;

use super::confirm_tracker::{ConfirmResult, ConfirmTracker};
use super::error::RabbitError;
use crate::broker::Publish;
use crate::bus::refusal::Refusal;
use crate::message::Message;

/// How many publishes without a confirm, and without anyone who waits for it, a channel may have. The library keeps
/// something for each until the channel ends; so it ends.
const MOST_FORGOTTEN: usize = 10_000;

/// Every message that the publisher holds.
#[derive(Default)]
pub(super) struct PublishQueue {
    waiting: VecDeque<Publish>,
    ledger: ConfirmTracker<Publish>,
    /// How many of those that wait leave alone, each once the one before is confirmed: one of them cost a channel.
    one_by_one: usize,
    closing: bool,
    has_refused: bool,
}

impl PublishQueue {
    /// Takes a message, unless it takes nothing more.
    pub(super) fn take(&mut self, publish: Publish) {
        if self.closing {
            publish.confirm.finish(Err(Refusal::Closed));
        } else {
            self.waiting.push_back(publish);
        }
    }

    /// Takes nothing more from now on.
    pub(super) fn close(&mut self) {
        self.closing = true;
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    /// The next message that may leave now. From here on its caller cannot be told that it never left.
    pub(super) fn next(&mut self, is_blocked: bool) -> Option<Publish> {
        // What is given to the library while the broker blocks has left as far as we can tell; what waits here has
        // not, and its caller can be told so.
        while self.may_leave(is_blocked) {
            let publish = self.waiting.pop_front()?;
            self.one_by_one = self.one_by_one.saturating_sub(1);
            if publish.confirm.take() {
                return Some(publish);
            }
        }
        None
    }

    /// Whether a message that waits may leave now.
    pub(super) fn may_leave(&self, is_blocked: bool) -> bool {
        !is_blocked && !self.waiting.is_empty() && (self.one_by_one == 0 || self.ledger.is_empty())
    }

    /// The number that the next message leaves under.
    pub(super) fn next_number(&self) -> u64 {
        self.ledger.next_number()
    }

    /// Whether the broker has refused any message on this channel.
    pub(super) fn has_refused(&self) -> bool {
        self.has_refused
    }

    /// Whether no message is under way.
    pub(super) fn is_at_rest(&self) -> bool {
        self.ledger.is_empty()
    }

    /// A message leaves, under the next number.
    pub(super) fn sent(&mut self, publish: Publish) {
        let mandatory = publish.mandatory;
        self.ledger.sent(publish, mandatory);
    }

    /// The broker said its word about the publish `number`; with it came the return of the publish `carried`.
    pub(super) fn answered(&mut self, number: u64, word: ConfirmResult, carried: Option<u64>) {
        self.has_refused |= word == ConfirmResult::Nack;
        self.ledger.answered(number, word, carried);
    }

    /// The mark to put behind all answers that came so far, when a publish waits for one.
    pub(super) fn mark(&mut self) -> Option<u64> {
        self.ledger.mark()
    }

    /// The mark was seen.
    pub(super) fn marked(&mut self, mark: u64) {
        self.ledger.marked(mark);
    }

    /// Tells every caller whose message is decided.
    pub(super) fn tell(&mut self) {
        for (publish, result) in self.ledger.settled() {
            publish.confirm.finish(result);
        }
    }

    /// The channel is gone. Everything under way comes back to be sent again, but for what the broker closed the channel
    /// for. Says how many were under way, and how many of them leave again.
    pub(super) fn channel_lost(&mut self, fault: &RabbitError) -> (usize, usize) {
        self.tell();
        self.has_refused = false;
        let under_way = self.ledger.lost();
        let unconfirmed = under_way.len();
        let (blamed, again): (Vec<Publish>, Vec<Publish>) = under_way
            .into_iter()
            .partition(|publish| is_blamed(fault, &publish.message));
        let (alone, refused) = (blamed.len() == 1, !blamed.is_empty());
        for publish in blamed {
            // With several it may have been the last of them, and those before may have arrived.
            if !alone {
                publish.confirm.lost();
            }
            publish.confirm.finish(Err(refusal(fault)));
        }
        if !refused && fault.blames_what_was_sent() {
            if let [_] = again.as_slice() {
                again
                    .into_iter()
                    .for_each(|publish| publish.confirm.finish(Err(refusal(fault))));
                return (unconfirmed, 0);
            }
            // One of them is to blame and it does not say which: alone, each is found out.
            self.one_by_one = again.len();
        }
        let resent = again.len();
        for publish in again.into_iter().rev() {
            publish.confirm.lost();
            self.waiting.push_front(publish);
        }
        (unconfirmed, resent)
    }

    /// Lets go of what waits and nobody waits for; says how many.
    pub(super) fn sweep(&mut self) -> usize {
        let before = self.waiting.len();
        self.waiting.retain(|publish| publish.confirm.is_awaited());
        self.one_by_one = self.one_by_one.min(self.waiting.len());
        before - self.waiting.len()
    }

    /// Whether nothing is left that anyone waits for: a broker that is blocked may never confirm the rest.
    pub(super) fn is_flushed(&self) -> bool {
        self.waiting.is_empty() && !self.ledger.iter().any(|publish| publish.confirm.is_awaited())
    }

    /// Whether the channel is to end for all the publishes on it that nobody waits for.
    pub(super) fn is_forgotten(&self) -> bool {
        let len = self.ledger.len();
        len > MOST_FORGOTTEN
            && self.ledger.iter().filter(|it| !it.confirm.is_awaited()).count() > MOST_FORGOTTEN
    }

    /// The end: what has not left is refused, and of what has left nobody will hear more.
    pub(super) fn refuse_all(self) {
        for publish in self.waiting {
            publish.confirm.finish(Err(Refusal::Closed));
        }
    }
}

/// Whether the broker closed the channel for the exchange that the message is addressed to.
fn is_blamed(fault: &RabbitError, message: &Message) -> bool {
    (fault.is_missing() || fault.is_forbidden())
        && fault
            .thing()
            .is_some_and(|thing| thing.kind == "exchange" && thing.name == &*message.exchange)
}

fn refusal(fault: &RabbitError) -> Refusal {
    if fault.is_missing() {
        return Refusal::NoExchange;
    }
    match fault.thing() {
        Some(thing) if fault.is_forbidden() => Refusal::Forbidden(format!(
            "{fault}; grant its user the `write` permission on exchange `{}`",
            thing.name
        )),
        _ if fault.is_forbidden() => Refusal::Forbidden(fault.to_string()),
        // Larger than the broker takes, say.
        _ => Refusal::Unacceptable(fault.to_string()),
    }
}

#[cfg(test)]
mod explored;
