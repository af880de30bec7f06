//! The delay queues of a running app. Each is declared when a retry first needs it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

#[derive(Debug, Default)]
pub(crate) struct DelayQueues(Mutex<HashMap<String, Arc<DelayQueueSlot>>>);

/// Locked while a delivery declares the queue. Hundreds of deliveries may fail at once, and one declaration is enough.
type DelayQueueSlot = tokio::sync::Mutex<DelayQueueState>;

#[derive(Debug, Clone, Copy)]
enum DelayQueueState {
    Unknown,
    DeclaredAt(Instant),
    FailedAt(Instant),
}

impl DelayQueues {
    /// Declares the queue if it was not declared before, and returns the time of the declaration. `None` when another
    /// delivery failed to declare the queue while this one waited for its turn.
    pub(crate) async fn declared<E>(
        &self,
        name: &str,
        declare: impl Future<Output = Result<(), E>>,
    ) -> Result<Option<Instant>, E> {
        let asked_at = Instant::now();
        let slot = self.slot(name);
        let mut state = slot.lock().await;
        match *state {
            DelayQueueState::DeclaredAt(at) => return Ok(Some(at)),
            // If each waiting delivery tried in its turn, and each try timed out, the last one would wait for hours.
            DelayQueueState::FailedAt(at) if at > asked_at => return Ok(None),
            DelayQueueState::FailedAt(_) | DelayQueueState::Unknown => {}
        }
        let result = declare.await;
        let now = Instant::now();
        *state = match result {
            Ok(()) => DelayQueueState::DeclaredAt(now),
            Err(_) => DelayQueueState::FailedAt(now),
        };
        result.map(|()| Some(now))
    }

    /// Makes the next use declare the queue again, unless it was already declared again after `declared_at`.
    pub(crate) async fn doubt(&self, name: &str, declared_at: Instant) {
        let slot = self.slot(name);
        let mut state = slot.lock().await;
        if matches!(*state, DelayQueueState::DeclaredAt(at) if at == declared_at) {
            *state = DelayQueueState::Unknown;
        }
    }

    fn slot(&self, name: &str) -> Arc<DelayQueueSlot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = || Arc::new(DelayQueueSlot::new(DelayQueueState::Unknown));
        Arc::clone(slots.entry(name.to_owned()).or_insert_with(unknown))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::future::join_all;

    use super::*;

    /// Counts the declaration and yields once to other tasks.
    async fn declare(count: &Cell<u32>, result: Result<(), ()>) -> Result<(), ()> {
        count.set(count.get() + 1);
        tokio::task::yield_now().await;
        result
    }

    #[tokio::test]
    async fn deliveries_that_need_a_queue_at_once_declare_it_once() {
        let (delays, count) = (DelayQueues::default(), Cell::new(0));
        let all = (0..100).map(|_| delays.declared("q", declare(&count, Ok(()))));
        let since = join_all(all).await;
        let first = since[0];
        assert!(since.iter().all(|since| *since == first), "{since:?}");
        assert_eq!(delays.declared("q", declare(&count, Ok(()))).await, first);
        assert_eq!(count.get(), 1);
        delays.declared("other", declare(&count, Ok(()))).await.unwrap();
        assert_eq!(count.get(), 2);
    }

    #[tokio::test]
    async fn deliveries_that_wait_for_a_failed_declaration_do_not_repeat_it() {
        let (delays, count) = (DelayQueues::default(), Cell::new(0));
        let all = (0..100).map(|_| delays.declared("q", declare(&count, Err(()))));
        let results = join_all(all).await;
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
        assert_eq!(count.get(), 1);
        assert!(
            delays
                .declared("q", declare(&count, Ok(())))
                .await
                .unwrap()
                .is_some()
        );
    }

    #[tokio::test]
    async fn a_doubted_queue_is_declared_again() {
        let (delays, count) = (DelayQueues::default(), Cell::new(0));
        let first = delays
            .declared("q", declare(&count, Ok(())))
            .await
            .unwrap()
            .unwrap();
        delays.doubt("q", first).await;
        let second = delays
            .declared("q", declare(&count, Ok(())))
            .await
            .unwrap()
            .unwrap();
        assert!(second > first);
        // A doubt about the first declaration says nothing about the second.
        delays.doubt("q", first).await;
        assert_eq!(
            delays.declared("q", declare(&count, Ok(()))).await,
            Ok(Some(second))
        );
        assert_eq!(count.get(), 2);
    }
}
