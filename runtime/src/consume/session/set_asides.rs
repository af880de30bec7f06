//! The suspects that a session sets aside: when a crash would no longer count against them.

use std::collections::VecDeque;
use std::time::Duration;

/// How many acks the broker's channel process passes on to a quorum queue at once. It keeps further ones for a moment,
/// and loses them with the channel.
const MAX_UNAPPLIED: usize = 32;

/// The time after which the broker has applied an ack.
const APPLIED_AFTER: Duration = Duration::from_millis(300);

#[derive(Debug, Default)]
pub(super) struct SetAsides {
    /// The number of suspects whose copy is not confirmed yet.
    unconfirmed: usize,
    /// When the last suspects were acknowledged, at most [`MAX_UNAPPLIED`] of them.
    acked_at: VecDeque<Duration>,
}

impl SetAsides {
    pub(super) fn begin(&mut self) {
        self.unconfirmed += 1;
    }

    pub(super) fn acked(&mut self, now: Duration) {
        self.unconfirmed -= 1;
        if self.acked_at.len() == MAX_UNAPPLIED {
            self.acked_at.pop_front();
        }
        self.acked_at.push_back(now);
    }

    pub(super) fn has_unconfirmed(&self) -> bool {
        self.unconfirmed > 0
    }

    /// When the broker has applied so many acks that it loses none.
    pub(super) fn applied_at(&self) -> Duration {
        match self.acked_at.front() {
            Some(at) if self.acked_at.len() == MAX_UNAPPLIED => *at + APPLIED_AFTER,
            _ => Duration::ZERO,
        }
    }
}
