//! Decides when the publisher task opens a new channel after the broker nacked a publish.
//!
//! RabbitMQ caches in each channel where the leader of a quorum queue is, and whether the queue is full. Both values
//! can be stale. On 3.10, a channel nacks until a dead node is back if it first published directly after the queue lost
//! its leader on that node. The queue is healthy then. When a policy that limits a queue is removed, the channels that
//! nacked before are not updated. A new channel has no such cache. So the publisher task opens a new channel after a
//! nack: at once the first time, then at growing intervals, because most nacks are caused by the queue.

use std::time::Duration;

use tokio::time::Instant;

/// The shortest time between two rotations. It doubles with each rotation, without jitter: no other client is affected.
const FIRST_INTERVAL: Duration = Duration::from_secs(2);

const LONGEST_INTERVAL: Duration = Duration::from_mins(1);

/// How long the old channel waits for its confirms. Publishes without a confirm are sent again on the new channel.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct ChannelRotation {
    interval: Duration,
    /// When the next rotation is allowed.
    next: Option<Instant>,
    /// The deadline for the confirms of the old channel, while that channel drains.
    draining: Option<Instant>,
}

impl Default for ChannelRotation {
    fn default() -> Self {
        Self {
            interval: FIRST_INTERVAL,
            next: None,
            draining: None,
        }
    }
}

impl ChannelRotation {
    /// Decides whether to rotate. `has_nacks` is whether the broker nacked a publish on this channel.
    pub(super) fn update(&mut self, has_nacks: bool, now: Instant) {
        if self.draining.is_some_and(|until| now >= until) {
            self.draining = None;
        }
        let is_allowed = self.next.is_none_or(|next| now >= next);
        if has_nacks && is_allowed {
            self.next = Some(now + self.interval);
            self.interval = (self.interval * 2).min(LONGEST_INTERVAL);
            self.draining = Some(now + DRAIN_TIMEOUT);
        } else if !has_nacks && is_allowed {
            *self = Self::default();
        }
    }

    /// Whether the publisher task must not write to this channel, and leaves it when all its publishes are confirmed.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.is_some()
    }

    pub(super) fn channel_opened(&mut self) {
        self.draining = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seconds in which the publisher leaves a channel, with one update each second.
    fn rotations(seconds: u64, has_nacks: impl Fn(u64) -> bool) -> Vec<u64> {
        let (mut rotation, start) = (ChannelRotation::default(), Instant::now());
        (0..seconds)
            .filter(|&second| {
                rotation.update(has_nacks(second), start + Duration::from_secs(second));
                let is_draining = rotation.is_draining();
                rotation.channel_opened();
                is_draining
            })
            .collect()
    }

    #[tokio::test]
    async fn a_channel_without_nacks_is_kept() {
        assert!(rotations(100, |_| false).is_empty());
    }

    #[tokio::test]
    async fn a_nack_rotates_the_channel_at_once_and_later_nacks_at_growing_intervals() {
        assert_eq!(rotations(200, |_| true), [0, 2, 6, 14, 30, 62, 122, 182]);
    }

    #[tokio::test]
    async fn the_interval_starts_again_after_a_time_without_nacks() {
        assert_eq!(rotations(30, |second| second == 1 || second == 20), [1, 20]);
    }

    #[tokio::test]
    async fn a_channel_that_does_not_drain_in_time_is_kept() {
        let (mut rotation, now) = (ChannelRotation::default(), Instant::now());
        rotation.update(true, now);
        assert!(rotation.is_draining());
        rotation.update(true, now + DRAIN_TIMEOUT / 2);
        assert!(rotation.is_draining());
        // The next rotation is allowed by then, and starts again.
        rotation.update(false, now + DRAIN_TIMEOUT);
        assert!(!rotation.is_draining());
    }
}
