//! How many are still to come, and who waits for the last; the latencies where they are measured.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::event::now_micros;

#[derive(Debug, Clone)]
pub(crate) struct Tally(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    events: u64,
    left: AtomicU64,
    /// All but the one that waits for them.
    others: Notify,
    done: Notify,
    latencies: Mutex<Vec<u32>>,
}

impl Tally {
    pub(crate) fn new(events: u64) -> Self {
        Self(Arc::new(Inner {
            events,
            left: AtomicU64::new(events),
            others: Notify::new(),
            done: Notify::new(),
            latencies: Mutex::default(),
        }))
    }

    pub(crate) fn one(&self) {
        match self.0.left.fetch_sub(1, Ordering::Relaxed) {
            2 => self.0.others.notify_one(),
            1 => self.0.done.notify_one(),
            _ => {}
        }
    }

    /// How many are done.
    pub(crate) fn count(&self) -> u64 {
        self.0.events - self.0.left.load(Ordering::Relaxed)
    }

    pub(crate) async fn all(&self) {
        self.0.done.notified().await;
    }

    /// Waits until one is left; then counts that one.
    pub(crate) async fn last(&self) {
        self.0.others.notified().await;
        self.one();
    }

    /// Keeps how long ago `at` is.
    pub(crate) fn since(&self, at_micros: u64) {
        let micros = u32::try_from(now_micros().saturating_sub(at_micros)).unwrap_or(u32::MAX);
        self.latencies().push(micros);
    }

    pub(crate) fn take_latencies(&self) -> Vec<u32> {
        std::mem::take(&mut *self.latencies())
    }

    fn latencies(&self) -> std::sync::MutexGuard<'_, Vec<u32>> {
        self.0.latencies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
