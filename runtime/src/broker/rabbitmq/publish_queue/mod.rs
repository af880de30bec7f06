//! The messages of the publisher task.
//!
//! A message is in `waiting` until it is sent, and in the confirm tracker while it is in flight. Then its caller gets
//! the answer. When a channel is lost, the messages in flight return to the front of `waiting` in their order.
//!
//! This file uses no channel and no clock, so a test can try every order of events without a broker.

use std::collections::VecDeque;
use std::sync::Arc;

use super::confirm_tracker::{ConfirmResult, ConfirmTracker};
use super::error::RabbitError;
use crate::broker::Publish;
use crate::bus::refusal::Refusal;
use crate::message::Message;
use crate::message::shown::shown;

/// How many abandoned publishes without a confirm a channel may have. lapin frees their memory only when the channel
/// ends, so the publisher task leaves a channel that has more.
const MAX_ABANDONED: usize = 10_000;

#[derive(Default)]
pub(super) struct PublishQueue {
    waiting: VecDeque<Publish>,
    tracker: ConfirmTracker<Publish>,
    /// How many waiting messages are sent one by one, each after the previous message is confirmed. The broker closed a
    /// channel because of one of these messages.
    one_by_one: usize,
    closing: bool,
    has_nacks: bool,
}

impl PublishQueue {
    /// Adds a message, or refuses it if the queue is closing.
    pub(super) fn push(&mut self, publish: Publish) {
        if self.closing {
            publish.confirm.finish(Err(Refusal::Closed));
        } else {
            self.waiting.push_back(publish);
        }
    }

    /// Accepts no more messages.
    pub(super) fn close(&mut self) {
        self.closing = true;
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Removes the next message to send. Its caller can no longer get the answer that the message was never sent.
    pub(super) fn pop(&mut self, is_blocked: bool) -> Option<Publish> {
        // While the broker blocks the connection, messages wait here and not in lapin. So a caller that gives up gets
        // the answer that its message was never sent.
        while self.can_send(is_blocked) {
            let publish = self.waiting.pop_front()?;
            self.one_by_one = self.one_by_one.saturating_sub(1);
            if publish.confirm.take() {
                return Some(publish);
            }
        }
        None
    }

    /// Whether a waiting message can be sent now.
    pub(super) fn can_send(&self, is_blocked: bool) -> bool {
        !is_blocked && !self.waiting.is_empty() && (self.one_by_one == 0 || self.tracker.is_empty())
    }

    /// The number of the next message that is sent.
    pub(super) fn next_number(&self) -> u64 {
        self.tracker.next_number()
    }

    /// Whether the broker nacked a message on this channel.
    pub(super) fn has_nacks(&self) -> bool {
        self.has_nacks
    }

    pub(super) fn is_none_in_flight(&self) -> bool {
        self.tracker.is_empty()
    }

    /// Tracks a message that is being sent under the next number.
    pub(super) fn sent(&mut self, publish: Publish) {
        let mandatory = publish.mandatory;
        self.tracker.sent(publish, mandatory);
    }

    pub(super) fn confirmed(&mut self, number: u64, result: ConfirmResult, returned: Option<u64>) {
        self.has_nacks |= result == ConfirmResult::Nack;
        self.tracker.confirmed(number, result, returned);
    }

    pub(super) fn new_barrier(&mut self) -> Option<u64> {
        self.tracker.new_barrier()
    }

    pub(super) fn barrier_reached(&mut self, barrier: u64) {
        self.tracker.barrier_reached(barrier);
    }

    /// Answers every caller whose publish is decided.
    pub(super) fn answer_callers(&mut self) {
        for (publish, result) in self.tracker.drain_decided() {
            publish.confirm.finish(result);
        }
    }

    /// Handles a lost channel. All publishes in flight are sent again, except those that the broker closed the channel
    /// for. Returns how many were in flight, and how many are sent again.
    pub(super) fn channel_lost(&mut self, error: &RabbitError) -> (usize, usize) {
        self.answer_callers();
        self.has_nacks = false;
        let in_flight = self.tracker.channel_lost();
        let unconfirmed = in_flight.len();
        let (refused, resent): (Vec<Publish>, Vec<Publish>) = in_flight
            .into_iter()
            .partition(|publish| is_refused(error, &publish.message));
        let (is_only, has_refused) = (refused.len() == 1, !refused.is_empty());
        for publish in refused {
            // The broker may have refused only the last of several messages, and delivered the earlier ones.
            if !is_only {
                publish.confirm.lost();
            }
            publish.confirm.finish(Err(refusal(error)));
        }
        if !has_refused && error.is_about_a_frame() {
            if let [_] = resent.as_slice() {
                resent
                    .into_iter()
                    .for_each(|publish| publish.confirm.finish(Err(refusal(error))));
                return (unconfirmed, 0);
            }
            // The error does not name the message that the broker refused, so all are sent again one by one.
            self.one_by_one = resent.len();
        }
        let resent_count = resent.len();
        for publish in resent.into_iter().rev() {
            publish.confirm.lost();
            self.waiting.push_front(publish);
        }
        (unconfirmed, resent_count)
    }

    /// The oldest message without an answer, and how many there are.
    pub(super) fn oldest(&self) -> (Option<&Arc<Message>>, usize) {
        let oldest = self.tracker.iter().next().or_else(|| self.waiting.front());
        let unconfirmed = self.tracker.len() + self.waiting.len();
        (oldest.map(|publish| &publish.message), unconfirmed)
    }

    /// Removes waiting messages that their callers abandoned, and returns how many.
    pub(super) fn sweep(&mut self) -> usize {
        let before = self.waiting.len();
        self.waiting.retain(|publish| publish.confirm.is_awaited());
        self.one_by_one = self.one_by_one.min(self.waiting.len());
        before - self.waiting.len()
    }

    /// Whether no caller waits for an answer. A blocked broker may never confirm the abandoned messages.
    pub(super) fn is_flushed(&self) -> bool {
        self.waiting.is_empty() && !self.tracker.iter().any(|publish| publish.confirm.is_awaited())
    }

    /// Whether the channel has more than [`MAX_ABANDONED`] unconfirmed publishes that their callers abandoned.
    pub(super) fn has_too_many_abandoned(&self) -> bool {
        let len = self.tracker.len();
        len > MAX_ABANDONED
            && self.tracker.iter().filter(|it| !it.confirm.is_awaited()).count() > MAX_ABANDONED
    }

    /// Refuses the waiting messages. Messages in flight stay without an answer.
    pub(super) fn refuse_all(self) {
        for publish in self.waiting {
            publish.confirm.finish(Err(Refusal::Closed));
        }
    }
}

/// Whether the broker closed the channel because of the message's exchange, routing key or size.
fn is_refused(error: &RabbitError, message: &Message) -> bool {
    if let Some(max) = error.max_message_size() {
        return message.body.len() > max;
    }
    (error.is_not_found() || error.is_forbidden())
        && error
            .object()
            .is_some_and(|object| object.kind == "exchange" && object.name == &*message.exchange)
        && error
            .forbidden_key()
            .is_none_or(|key| key == &*message.routing_key)
}

/// What the caller of a publish is told that the broker closed the channel for.
pub(super) fn refusal(error: &RabbitError) -> Refusal {
    if error.is_not_found() {
        return Refusal::NoExchange;
    }
    if !error.is_forbidden() {
        // For example, the message is larger than the broker accepts.
        return Refusal::Unacceptable(error.to_string());
    }
    let Some(exchange) = error.object().map(|object| shown(object.name)) else {
        return Refusal::Forbidden(error.to_string());
    };
    match error.forbidden_key() {
        Some(key) => Refusal::ForbiddenKey(format!(
            "{error}; grant the user a topic permission to write `{}` to exchange `{exchange}`",
            shown(key)
        )),
        None => Refusal::Forbidden(format!(
            "{error}; grant the user the `write` permission on exchange `{exchange}`"
        )),
    }
}

#[cfg(test)]
mod explored;
