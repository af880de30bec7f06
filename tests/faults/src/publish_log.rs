//! What publishers were told of each event.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidings::Error;

/// What the caller of a publish was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Nothing: it still waits, or was cancelled.
    Nothing,
    /// `Ok`, with this id.
    Ok(String),
    /// An error that says the event may have been delivered.
    Maybe(String),
    /// An error that says it surely was not.
    No(String),
}

/// A publishers' book: every event, by its number. Clones are the same book.
#[derive(Debug, Clone, Default)]
pub struct Book(Arc<Pages>);

#[derive(Debug, Default)]
struct Pages {
    next: AtomicU64,
    confirmed: AtomicU64,
    told: Mutex<BTreeMap<u64, Told>>,
}

impl Book {
    /// The number of a new event, noted before it is published.
    pub fn open(&self) -> u64 {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.told().insert(number, Told::Nothing);
        number
    }

    /// Notes what the caller was told.
    pub fn close(&self, number: u64, result: &tidings::Result<String>) {
        let told = match result {
            Ok(id) => Told::Ok(id.clone()),
            Err(Error::Publish(error)) if error.maybe_delivered() => Told::Maybe(error.event_id().to_owned()),
            Err(Error::Publish(error)) => Told::No(error.event_id().to_owned()),
            Err(error) => panic!("a publish ends with a publish error and not with: {error}"),
        };
        let is_ok = matches!(told, Told::Ok(_));
        let before = self.told().insert(number, told);
        if is_ok && !matches!(before, Some(Told::Ok(_))) {
            self.0.confirmed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The number of the next event.
    pub fn next(&self) -> u64 {
        self.0.next.load(Ordering::Relaxed)
    }

    /// What is in it.
    pub fn read(&self) -> HashMap<u64, Told> {
        self.told()
            .iter()
            .map(|(number, told)| (*number, told.clone()))
            .collect()
    }

    /// How many of its events were confirmed so far.
    pub fn confirmed(&self) -> usize {
        usize::try_from(self.0.confirmed.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }

    /// Whether one of those from this number on was confirmed.
    pub fn confirmed_since(&self, number: u64) -> bool {
        let told = self.told();
        let mut since = told.range(number..);
        since.any(|(_, told)| matches!(told, Told::Ok(_)))
    }

    /// How many of its events are as asked for: `book.count(|told| matches!(told, Told::Ok(_)))`.
    pub fn count(&self, is: impl Fn(&Told) -> bool) -> usize {
        self.told().values().filter(|told| is(told)).count()
    }

    fn told(&self) -> MutexGuard<'_, BTreeMap<u64, Told>> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_is_confirmed_counts_once() {
        let book = Book::default();
        let (first, second) = (book.open(), book.open());
        for _ in 0..2 {
            book.close(first, &Ok("id".to_owned()));
        }
        assert_eq!((book.confirmed(), book.next()), (1, 2));
        assert!(book.confirmed_since(first) && !book.confirmed_since(second));
    }
}
