//! Counts the events of a run down to zero, and wakes the task that waits for the last one. It also records latencies.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::event::now_micros;

#[derive(Debug, Clone)]
pub(crate) struct Countdown(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    events: u64,
    left: AtomicU64,
    /// Notified when one event is left.
    one_left: Notify,
    finished: Notify,
    latencies: Mutex<Vec<u32>>,
}

impl Countdown {
    pub(crate) fn new(events: u64) -> Self {
        Self(Arc::new(Shared {
            events,
            left: AtomicU64::new(events),
            one_left: Notify::new(),
            finished: Notify::new(),
            latencies: Mutex::default(),
        }))
    }

    pub(crate) fn count_one(&self) {
        match self.0.left.fetch_sub(1, Ordering::Relaxed) {
            2 => self.0.one_left.notify_one(),
            1 => self.0.finished.notify_one(),
            _ => {}
        }
    }

    /// The number of events that have been counted.
    pub(crate) fn counted(&self) -> u64 {
        self.0.events - self.0.left.load(Ordering::Relaxed)
    }

    pub(crate) async fn finished(&self) {
        self.0.finished.notified().await;
    }

    /// Waits until one event is left, and counts that one.
    pub(crate) async fn count_last(&self) {
        self.0.one_left.notified().await;
        self.count_one();
    }

    /// Records the time since `at_micros` as a latency.
    pub(crate) fn record_latency(&self, at_micros: u64) {
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
