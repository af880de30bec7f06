//! How long to wait before something is tried again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Waits that double up to a most, each cut by a random part of up to a half: what failed together must not come back
/// together.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    next: Duration,
    first: Duration,
    most: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Self {
            next: first,
            first,
            most,
        }
    }

    /// The next wait. There is no last one.
    pub(crate) fn wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.most);
        wait.mul_f64(1.0 - random_part() / 2.0)
    }

    /// Starts over: it worked.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

/// From 0 to 1. The hasher's keys are random for each process and differ with each call, which is all that is needed.
fn random_part() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 40;
    #[allow(clippy::cast_precision_loss)] // 24 bits fit.
    let part = bits as f64 / f64::from(1 << 24);
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_most_and_vary() {
        let (first, most) = (Duration::from_millis(100), Duration::from_secs(2));
        let mut backoff = Backoff::new(first, most);
        let mut full = first;
        for _ in 0..100 {
            let wait = backoff.wait();
            assert!(wait <= full && wait >= full / 2, "{wait:?} of {full:?}");
            full = (full * 2).min(most);
        }
        backoff.reset();
        assert!(backoff.wait() <= first);
        let waits: std::collections::HashSet<_> = (0..20).map(|_| Backoff::new(most, most).wait()).collect();
        assert!(waits.len() > 10);
    }
}
