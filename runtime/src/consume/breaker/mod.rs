//! The circuit breaker of a handler: it opens when every recent attempt failed, and closes when a probe succeeds.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::event::metadata::EventIdentity;
use crate::message::timestamp::Timestamp;

const FIRST_PROBE_WAIT: Duration = Duration::from_secs(1);
const MAX_PROBE_WAIT: Duration = Duration::from_mins(1);
/// From this number of failed rounds on, probes count as attempts where retries wait in place. The breaker has then
/// been open for about an hour.
///
/// The failing events of an ordered handler stay in its prefetch window. If no probe ever counted, a window full of
/// events that always fail would keep the breaker open for ever.
const COUNTING_ROUND: u32 = 64;

/// The breaker has no clock: its owner waits for [`ProbeRound::wait`] before it probes.
///
/// An event that fails for a reason of its own says nothing about the handler. So a retry is not recorded when the
/// handler has succeeded since the event was first received, and each round of probes takes more events than the last.
#[derive(Debug, Clone)]
pub(crate) struct Breaker {
    /// The number of attempts in a row that must fail; `None` for a breaker that never opens.
    threshold: Option<u16>,
    /// Hashes of the events whose attempts failed since the last success.
    failures: VecDeque<u64>,
    /// When the last delivery that succeeded was received.
    last_success: Option<Timestamp>,
    /// The number of rounds that failed, while the breaker is open.
    failed_rounds: Option<u32>,
}

/// A failed attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FailedAttempt<'a> {
    pub(crate) event: EventIdentity<'a>,
    pub(crate) is_first_attempt: bool,
    /// When any instance first received the event.
    pub(crate) first_received_at: Timestamp,
}

/// The next probes of an open breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProbeRound {
    pub(crate) wait: Duration,
    /// The most deliveries to probe, before the limit of the handler's concurrency.
    pub(crate) size: u16,
    /// Whether its attempts count towards the maximum, for a handler whose retries wait in place.
    pub(crate) counts_in_place: bool,
}

/// The change that an attempt caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    Opened { failures: usize },
    Closed,
}

impl Breaker {
    pub(crate) fn new(threshold: Option<u16>) -> Self {
        Self {
            threshold,
            failures: VecDeque::new(),
            last_success: None,
            failed_rounds: None,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.failed_rounds.is_some()
    }

    /// The next round of probes; `None` while the breaker is closed.
    pub(crate) fn next_round(&self) -> Option<ProbeRound> {
        let failed = self.failed_rounds?;
        // Sixteen doublings are more than any concurrency and any wait.
        let doublings = 1_u16 << failed.min(15);
        Some(ProbeRound {
            wait: (FIRST_PROBE_WAIT * u32::from(doublings)).min(MAX_PROBE_WAIT),
            size: doublings,
            counts_in_place: failed >= COUNTING_ROUND,
        })
    }

    /// Records that the handler succeeded with a delivery that it received at `received_at`.
    pub(crate) fn succeeded(&mut self, received_at: Timestamp) -> Change {
        self.failures.clear();
        self.last_success = self.last_success.max(Some(received_at));
        if self.failed_rounds.take().is_some() {
            Change::Closed
        } else {
            Change::None
        }
    }

    pub(crate) fn failed(&mut self, failure: FailedAttempt<'_>) -> Change {
        let Some(threshold) = self.threshold.map(usize::from) else {
            return Change::None;
        };
        if self.is_open() || self.is_own(failure) {
            return Change::None;
        }
        let mut hasher = DefaultHasher::new();
        failure.event.hash(&mut hasher);
        self.failures.push_back(hasher.finish());
        if self.failures.len() > threshold {
            self.failures.pop_front();
        }
        // A single poison event must not open the breaker.
        if self.failures.len() < threshold || self.distinct_events() < threshold.div_ceil(2) {
            return Change::None;
        }
        self.failed_rounds = Some(0);
        Change::Opened {
            failures: self.failures.len(),
        }
    }

    /// Records that every probe of a round failed.
    pub(crate) fn round_failed(&mut self) {
        if let Some(failed) = &mut self.failed_rounds {
            *failed = failed.saturating_add(1);
        }
    }

    /// Whether the event failed for a reason of its own: the handler has succeeded with another event meanwhile.
    fn is_own(&self, failure: FailedAttempt<'_>) -> bool {
        !failure.is_first_attempt && self.last_success.is_some_and(|at| failure.first_received_at < at)
    }

    fn distinct_events(&self) -> usize {
        let mut events: Vec<u64> = self.failures.iter().copied().collect();
        events.sort_unstable();
        events.dedup();
        events.len()
    }
}

#[cfg(test)]
mod explored;

#[cfg(test)]
mod tests {
    use super::*;

    fn failed_attempt(event_id: &str, attempt: u32, first_received_at: i64) -> FailedAttempt<'_> {
        FailedAttempt {
            event: EventIdentity {
                source: "orders",
                event_type: "order.created",
                id: event_id,
            },
            is_first_attempt: attempt == 1,
            first_received_at: Timestamp::from_millis(first_received_at),
        }
    }

    fn fail(breaker: &mut Breaker, attempts: usize, events: usize) -> Vec<Change> {
        (0..attempts)
            .map(|n| breaker.failed(failed_attempt(&(n % events).to_string(), 1, 0)))
            .collect()
    }

    fn succeed(breaker: &mut Breaker) -> Change {
        breaker.succeeded(Timestamp::from_millis(1))
    }

    #[test]
    fn events_of_two_sources_are_different_though_their_ids_are_equal() {
        let mut breaker = Breaker::new(Some(4));
        let changes = ["orders", "shop", "orders", "shop"].map(|source| {
            let mut failed = failed_attempt("42", 1, 0);
            failed.event.source = source;
            breaker.failed(failed)
        });
        assert_eq!(changes[3], Change::Opened { failures: 4 });
    }

    #[test]
    fn the_breaker_opens_after_twenty_failed_attempts_of_ten_events() {
        let mut breaker = Breaker::new(Some(20));
        let changes = fail(&mut breaker, 20, 10);
        assert_eq!(changes[19], Change::Opened { failures: 20 });
        assert!(changes[..19].iter().all(|change| *change == Change::None));
        assert!(breaker.is_open());
    }

    #[test]
    fn a_few_poison_events_never_open_the_breaker() {
        let mut breaker = Breaker::new(Some(20));
        fail(&mut breaker, 500, 9);
        assert!(!breaker.is_open());
    }

    #[test]
    fn a_success_in_between_keeps_the_breaker_closed() {
        let mut breaker = Breaker::new(Some(20));
        for _ in 0..100 {
            fail(&mut breaker, 19, 19);
            assert_eq!(succeed(&mut breaker), Change::None);
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn retries_of_events_that_failed_before_the_last_success_do_not_open_the_breaker() {
        let mut breaker = Breaker::new(Some(20));
        succeed(&mut breaker);
        for event in 0..100 {
            breaker.failed(failed_attempt(&event.to_string(), 2, 0));
        }
        assert!(!breaker.is_open());
        // Nothing has succeeded since these events were received.
        for event in 0..20 {
            breaker.failed(failed_attempt(&event.to_string(), 2, 1));
        }
        assert!(breaker.is_open());
    }

    #[test]
    fn after_a_restart_retries_open_the_breaker() {
        let mut breaker = Breaker::new(Some(20));
        for event in 0..20 {
            breaker.failed(failed_attempt(&event.to_string(), 5, 0));
        }
        assert!(breaker.is_open());
    }

    #[test]
    fn each_round_waits_longer_and_probes_more_until_the_first_success() {
        let mut breaker = Breaker::new(Some(20));
        fail(&mut breaker, 20, 20);
        let mut rounds = Vec::new();
        for _ in 0..8 {
            let round = breaker.next_round().unwrap();
            rounds.push((round.wait.as_secs(), round.size));
            breaker.round_failed();
        }
        let expected = [
            (1, 1),
            (2, 2),
            (4, 4),
            (8, 8),
            (16, 16),
            (32, 32),
            (60, 64),
            (60, 128),
        ];
        assert_eq!(rounds, expected);
        assert_eq!(succeed(&mut breaker), Change::Closed);
        assert_eq!(breaker.next_round(), None);
    }

    #[test]
    fn probes_in_place_count_after_an_hour() {
        let mut breaker = Breaker::new(Some(20));
        fail(&mut breaker, 20, 20);
        let mut open_for = Duration::ZERO;
        while let Some(round) = breaker.next_round().filter(|round| !round.counts_in_place) {
            open_for += round.wait;
            breaker.round_failed();
        }
        assert!((55..65).contains(&(open_for.as_secs() / 60)), "{open_for:?}");
    }
}
