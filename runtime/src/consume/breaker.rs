//! The circuit breaker of a handler: it opens when every recent attempt failed, and closes when a probe succeeds.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// The number of attempts in a row that must fail.
const ATTEMPTS: usize = 20;
/// The number of different events among them: a single poison event must not open the breaker.
const EVENTS: usize = 10;
const FIRST_PROBE_WAIT: Duration = Duration::from_secs(1);
const MAX_PROBE_WAIT: Duration = Duration::from_mins(1);

/// The breaker has no clock: its owner waits for [`probe_after`](Self::probe_after) before it probes.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// Hashes of the events whose attempts failed since the last success.
    failures: VecDeque<u64>,
    /// The wait before the next probe, while the breaker is open.
    probe_wait: Option<Duration>,
}

/// The change that an attempt caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    Opened { failures: usize },
    Closed,
}

impl Breaker {
    pub(crate) fn is_open(&self) -> bool {
        self.probe_wait.is_some()
    }

    /// How long to wait before the next probe; `None` while the breaker is closed.
    pub(crate) fn probe_after(&self) -> Option<Duration> {
        self.probe_wait
    }

    /// Records the attempt of an event.
    pub(crate) fn record(&mut self, event_id: &str, succeeded: bool) -> Change {
        if succeeded {
            self.failures.clear();
            return if self.probe_wait.take().is_some() {
                Change::Closed
            } else {
                Change::None
            };
        }
        if self.probe_wait.is_some() {
            return Change::None;
        }
        let mut hasher = DefaultHasher::new();
        event_id.hash(&mut hasher);
        self.failures.push_back(hasher.finish());
        if self.failures.len() > ATTEMPTS {
            self.failures.pop_front();
        }
        if self.failures.len() < ATTEMPTS || self.distinct_events() < EVENTS {
            return Change::None;
        }
        self.probe_wait = Some(FIRST_PROBE_WAIT);
        Change::Opened {
            failures: self.failures.len(),
        }
    }

    /// Doubles the wait before the next probe.
    pub(crate) fn probe_failed(&mut self) {
        if let Some(wait) = &mut self.probe_wait {
            *wait = (*wait * 2).min(MAX_PROBE_WAIT);
        }
    }

    fn distinct_events(&self) -> usize {
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
    fn the_breaker_opens_after_twenty_failed_attempts_of_ten_events() {
        let mut breaker = Breaker::default();
        let changes = fail(&mut breaker, 20, 10);
        assert_eq!(changes[19], Change::Opened { failures: 20 });
        assert!(changes[..19].iter().all(|change| *change == Change::None));
        assert!(breaker.is_open());
    }

    #[test]
    fn a_few_poison_events_never_open_the_breaker() {
        let mut breaker = Breaker::default();
        fail(&mut breaker, 500, 9);
        assert!(!breaker.is_open());
    }

    #[test]
    fn a_success_in_between_keeps_the_breaker_closed() {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            fail(&mut breaker, 19, 19);
            assert_eq!(breaker.record("good", true), Change::None);
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn probes_wait_from_a_second_to_a_minute_and_the_first_success_closes_the_breaker() {
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
