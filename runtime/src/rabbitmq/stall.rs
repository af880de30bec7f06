//! Telling a channel on which confirms no longer come from one on which they take their time.
//!
//! RabbitMQ 3.10 sends what is published while a cluster has lost a queue's leader to the leader that was, and to a
//! channel that was opened at that moment it does so for as long as the channel lives: no confirm, no refusal, nothing.
//! A new channel finds the new leader.

use std::time::Duration;

use tokio::time::Instant;

/// How long a publish may go without a word while a connection is well. An election takes a second or two.
const FIRST: Duration = Duration::from_secs(10);

/// The longest wait: where a new channel does not help, each one sends again what other queues have already.
const LAST: Duration = Duration::from_mins(5);

/// Watches the oldest publish that is under way.
#[derive(Debug)]
pub(super) struct Stall {
    patience: Duration,
    /// Its number, and since when it is the oldest.
    watched: Option<(u64, Instant)>,
}

impl Default for Stall {
    fn default() -> Self {
        Self {
            patience: FIRST,
            watched: None,
        }
    }
}

impl Stall {
    /// Looks at the number of the oldest publish under way; whether it was waited for in vain, and long enough. The next
    /// time it takes twice as long, unless there was an answer in between.
    pub(super) fn looks_stalled(&mut self, oldest: Option<u64>, is_blocked: bool, now: Instant) -> bool {
        let since = match (self.watched, oldest) {
            (_, None) => {
                *self = Self::default();
                return false;
            }
            (Some((watched, since)), Some(oldest)) if watched == oldest && !is_blocked => since,
            (watched, Some(oldest)) => {
                if watched.is_some_and(|(number, _)| number != oldest) {
                    self.patience = FIRST;
                }
                self.watched = Some((oldest, now));
                return false;
            }
        };
        let is_over = now.duration_since(since) >= self.patience;
        if is_over {
            self.patience = (self.patience * 2).min(LAST);
            // On the next channel it has another number, and that is no answer.
            self.watched = None;
        }
        is_over
    }

    /// The channel is left for another reason.
    pub(super) fn starts_over(&mut self) {
        self.watched = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When it looks stalled, in seconds, looked at once a second.
    fn stalls(seconds: u64, mut oldest: impl FnMut(u64) -> (Option<u64>, bool)) -> Vec<u64> {
        let (mut stall, start) = (Stall::default(), Instant::now());
        (0..seconds)
            .filter(|&second| {
                let (oldest, is_blocked) = oldest(second);
                stall.looks_stalled(oldest, is_blocked, start + Duration::from_secs(second))
            })
            .collect()
    }

    #[tokio::test]
    async fn a_channel_that_answers_is_never_left() {
        assert!(stalls(100, |_| (None, false)).is_empty());
        assert!(stalls(100, |second| (Some(second / 9), false)).is_empty());
    }

    #[tokio::test]
    async fn a_broker_that_blocks_is_waited_for() {
        assert!(stalls(100, |_| (Some(1), true)).is_empty());
        assert_eq!(stalls(30, |second| (Some(1), second < 15)), [24]);
    }

    #[tokio::test]
    async fn each_channel_that_does_not_help_is_given_twice_the_time() {
        // A new channel a second after the old, and under another number.
        let mut number = 1;
        let mut left = 0;
        let stalls = stalls(75, |second| {
            if [11, 32, 73].contains(&second) {
                number += 1;
                left += 1;
            }
            (Some(number), false)
        });
        assert_eq!((stalls, left), (vec![10, 31, 72], 3));
    }
}
