//! When the publisher moves to another channel after the broker refused a publish.
//!
//! RabbitMQ keeps in each channel how it finds a quorum queue, and whether that has room. Both go stale: on 3.10 a
//! channel that first published right after a queue's leader was lost refuses for as long as the dead node is away, the
//! queue itself being well; and a queue that loses its limit with the policy that said to refuse never tells the
//! channels it had refused before. A new channel asks anew. So after a refusal the publisher moves to another one, at
//! once at first, and then ever more seldom: most refusals are the queue's own, and no channel changes that.

use std::time::Duration;

use tokio::time::Instant;

/// How long after a move the next one may follow.
const FIRST: Duration = Duration::from_secs(2);

const LAST: Duration = Duration::from_mins(1);

/// How long what is under way on the old channel is waited for: what is cut off there would be sent again.
const DRAINING: Duration = Duration::from_secs(2);

/// When to move to another channel.
#[derive(Debug)]
pub(super) struct ChannelRotation {
    wait: Duration,
    /// Not to move before.
    next: Option<Instant>,
    /// To move as soon as nothing is under way, if that is before.
    draining: Option<Instant>,
}

impl Default for ChannelRotation {
    fn default() -> Self {
        Self {
            wait: FIRST,
            next: None,
            draining: None,
        }
    }
}

impl ChannelRotation {
    /// Looks at whether the broker refused anything on this channel.
    pub(super) fn look(&mut self, has_refused: bool, now: Instant) {
        if self.draining.is_some_and(|until| now >= until) {
            self.draining = None;
        }
        let may_move = self.next.is_none_or(|next| now >= next);
        if has_refused && may_move {
            self.next = Some(now + self.wait);
            self.wait = (self.wait * 2).min(LAST);
            self.draining = Some(now + DRAINING);
        } else if !has_refused && may_move {
            *self = Self::default();
        }
    }

    /// Whether nothing more is to be written on this channel: it is left once nothing is under way.
    pub(super) fn is_leaving(&self) -> bool {
        self.draining.is_some()
    }

    /// There is another channel.
    pub(super) fn moved(&mut self) {
        self.draining = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When a channel is left in which seconds something is refused, looked at once a second.
    fn moves(seconds: u64, refuses: impl Fn(u64) -> bool) -> Vec<u64> {
        let (mut refusals, start) = (ChannelRotation::default(), Instant::now());
        (0..seconds)
            .filter(|&second| {
                refusals.look(refuses(second), start + Duration::from_secs(second));
                let leaves = refusals.is_leaving();
                refusals.moved();
                leaves
            })
            .collect()
    }

    #[tokio::test]
    async fn a_channel_that_refuses_nothing_is_kept() {
        assert!(moves(100, |_| false).is_empty());
    }

    #[tokio::test]
    async fn one_that_refuses_is_left_at_once_and_then_ever_more_seldom() {
        assert_eq!(moves(200, |_| true), [0, 2, 6, 14, 30, 62, 122, 182]);
    }

    #[tokio::test]
    async fn after_a_while_without_refusals_it_is_at_once_again() {
        assert_eq!(moves(30, |second| second == 1 || second == 20), [1, 20]);
    }

    #[tokio::test]
    async fn what_is_under_way_for_long_keeps_its_channel() {
        let (mut refusals, now) = (ChannelRotation::default(), Instant::now());
        refusals.look(true, now);
        assert!(refusals.is_leaving());
        refusals.look(true, now + DRAINING / 2);
        assert!(refusals.is_leaving());
        // The next move is due as well by then, and it tries again.
        refusals.look(false, now + DRAINING);
        assert!(!refusals.is_leaving());
    }
}
