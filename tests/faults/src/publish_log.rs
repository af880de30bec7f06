//! The result of every publish.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidings::Error;

/// The result that the caller of a publish got. The texts are event ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishResult {
    /// No result, because the call still waits or was cancelled.
    Pending,
    /// `Ok`.
    Confirmed(String),
    /// An error with `maybe_delivered`.
    MaybeDelivered(String),
    /// An error without `maybe_delivered`.
    NotDelivered(String),
}

/// The results of all publishes, by event number. Clones share one log.
#[derive(Debug, Clone, Default)]
pub struct PublishLog(Arc<SharedLog>);

#[derive(Debug, Default)]
struct SharedLog {
    next: AtomicU64,
    confirmed: AtomicU64,
    results: Mutex<BTreeMap<u64, PublishResult>>,
}

impl PublishLog {
    /// Returns the number of a new event, whose publish is pending.
    pub fn start(&self) -> u64 {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(number, PublishResult::Pending);
        number
    }

    /// Records the result of a publish.
    pub fn record(&self, number: u64, result: &tidings::Result<String>) {
        let result = match result {
            Ok(id) => PublishResult::Confirmed(id.clone()),
            Err(Error::Publish(error)) if error.maybe_delivered() => {
                PublishResult::MaybeDelivered(error.event_id().to_owned())
            }
            Err(Error::Publish(error)) => PublishResult::NotDelivered(error.event_id().to_owned()),
            Err(error) => panic!("the result of a publish is not a publish error: {error}"),
        };
        let is_confirmed = matches!(result, PublishResult::Confirmed(_));
        let before = self.lock().insert(number, result);
        if is_confirmed && !matches!(before, Some(PublishResult::Confirmed(_))) {
            self.0.confirmed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The number that the next event will have.
    pub fn next_number(&self) -> u64 {
        self.0.next.load(Ordering::Relaxed)
    }

    /// Returns all results, by event number.
    pub fn results(&self) -> HashMap<u64, PublishResult> {
        self.lock()
            .iter()
            .map(|(number, result)| (*number, result.clone()))
            .collect()
    }

    /// How many events were confirmed.
    pub fn confirmed(&self) -> usize {
        usize::try_from(self.0.confirmed.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }

    /// Whether an event with this number or a later one was confirmed.
    pub fn confirmed_since(&self, number: u64) -> bool {
        let results = self.lock();
        let mut since = results.range(number..);
        since.any(|(_, result)| matches!(result, PublishResult::Confirmed(_)))
    }

    /// How many results match: `log.count(|result| matches!(result, PublishResult::Pending))`.
    pub fn count(&self, is: impl Fn(&PublishResult) -> bool) -> usize {
        self.lock().values().filter(|result| is(result)).count()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, PublishResult>> {
        self.0.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirmed_event_counts_once() {
        let log = PublishLog::default();
        let (first, second) = (log.start(), log.start());
        for _ in 0..2 {
            log.record(first, &Ok("id".to_owned()));
        }
        assert_eq!((log.confirmed(), log.next_number()), (1, 2));
        assert!(log.confirmed_since(first) && !log.confirmed_since(second));
    }
}
