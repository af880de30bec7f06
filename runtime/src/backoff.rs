//! The wait between two tries of one operation.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Doubles the wait after each try, up to a longest wait, and shortens each wait by a random part of up to one half.
/// The random part spreads the tries of clients that failed together.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    next: Duration,
    first: Duration,
    longest: Duration,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            next: first,
            first,
            longest,
        }
    }

    /// The wait before the next try. The number of tries has no limit.
    pub(crate) fn next_wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.longest);
        wait.mul_f64(1.0 - random_fraction() / 2.0)
    }

    /// Starts again with the first wait, after a try that succeeded.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

/// A number from 0 to 1. The keys of `RandomState` differ at each call, which is random enough here.
fn random_fraction() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 40;
    #[allow(clippy::cast_precision_loss)] // 24 bits fit.
    let fraction = bits as f64 / f64::from(1 << 24);
    fraction
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_vary() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(2));
        let mut backoff = Backoff::new(first, longest);
        let mut full = first;
        for _ in 0..100 {
            let wait = backoff.next_wait();
            assert!(wait <= full && wait >= full / 2, "{wait:?} of {full:?}");
            full = (full * 2).min(longest);
        }
        backoff.reset();
        assert!(backoff.next_wait() <= first);
        let waits: HashSet<_> = (0..20)
            .map(|_| Backoff::new(longest, longest).next_wait())
            .collect();
        assert!(waits.len() > 10);
    }
}
