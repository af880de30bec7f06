//! The breaker: a handler whose attempts all fail takes no more, and probes until one succeeds.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// How many attempts in a row must fail.
const ATTEMPTS: usize = 20;
/// Over how many events at the least: one poison event must not stop its neighbours.
const EVENTS: usize = 10;
const FIRST_PROBE: Duration = Duration::from_secs(1);
const LAST_PROBE: Duration = Duration::from_mins(1);

/// A handler's breaker. It knows no clock: whoever holds it waits for [`probe_after`](Self::probe_after).
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    // Hashes of the events whose attempts failed since the last success.
    failures: VecDeque<u64>,
    open: Option<Duration>,
}

/// What an attempt changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    Opened,
    Closed,
}

impl Breaker {
    /// Whether the handler takes no more.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// How long to wait before the next probe, while it is open.
    pub(crate) fn probe_after(&self) -> Option<Duration> {
        self.open
    }

    /// Records the attempt of an event.
    pub(crate) fn record(&mut self, event_id: &str, succeeded: bool) -> Change {
        if succeeded {
            self.failures.clear();
            return if self.open.take().is_some() {
                Change::Closed
            } else {
                Change::None
            };
        }
        if self.open.is_some() {
            return Change::None;
        }
        let mut hasher = DefaultHasher::new();
        event_id.hash(&mut hasher);
        self.failures.push_back(hasher.finish());
        if self.failures.len() > ATTEMPTS {
            self.failures.pop_front();
        }
        if self.failures.len() < ATTEMPTS || self.distinct() < EVENTS {
            return Change::None;
        }
        self.open = Some(FIRST_PROBE);
        Change::Opened
    }

    /// A probe failed: the next one waits twice as long.
    pub(crate) fn probe_failed(&mut self) {
        if let Some(wait) = &mut self.open {
            *wait = (*wait * 2).min(LAST_PROBE);
        }
    }

    fn distinct(&self) -> usize {
        let mut events: Vec<u64> = self.failures.iter().copied().collect();
        events.sort_unstable();
        events.dedup();
        events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &mut Breaker, attempts: usize, events: usize) -> Vec<Change> {
        (0..attempts)
            .map(|n| breaker.record(&(n % events).to_string(), false))
            .collect()
    }

    #[test]
    fn it_opens_when_twenty_attempts_over_ten_events_have_failed() {
        let mut breaker = Breaker::default();
        let changes = fail(&mut breaker, 20, 10);
        assert_eq!(changes[19], Change::Opened);
        assert!(changes[..19].iter().all(|change| *change == Change::None));
        assert!(breaker.is_open());
    }

    #[test]
    fn a_few_poison_events_never_open_it() {
        let mut breaker = Breaker::default();
        fail(&mut breaker, 500, 9);
        assert!(!breaker.is_open());
    }

    #[test]
    fn one_success_between_keeps_it_closed() {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            fail(&mut breaker, 19, 19);
            assert_eq!(breaker.record("good", true), Change::None);
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn probes_wait_from_a_second_to_a_minute_and_the_first_success_closes_it() {
        let mut breaker = Breaker::default();
        fail(&mut breaker, 20, 20);
        let mut waits = Vec::new();
        for _ in 0..8 {
            waits.push(breaker.probe_after().unwrap().as_secs());
            breaker.probe_failed();
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(breaker.record("good", true), Change::Closed);
        assert!(!breaker.is_open());
    }
}
