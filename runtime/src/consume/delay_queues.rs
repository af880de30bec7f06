//! The delay queues that a running app uses. Each is declared when a retry first needs it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

/// The queues of the retry delays, by name.
#[derive(Debug, Default)]
pub(crate) struct DelayQueues(Mutex<HashMap<String, Arc<DelayQueueSlot>>>);

/// What is known of one queue. Locked while someone declares it: hundreds may fail at once, and one is enough.
type DelayQueueSlot = tokio::sync::Mutex<DelayQueueState>;

#[derive(Debug, Clone, Copy)]
enum DelayQueueState {
    Nothing,
    /// It is there since then.
    There(Instant),
    /// It could not be declared then.
    Failed(Instant),
}

impl DelayQueues {
    /// Since when the queue `name` is there: `declare` makes it unless it was made before. `None` when someone tried and
    /// failed while this one waited for its turn.
    ///
    /// # Errors
    /// When `declare` fails.
    pub(crate) async fn declared<E>(
        &self,
        name: &str,
        declare: impl Future<Output = Result<(), E>>,
    ) -> Result<Option<Instant>, E> {
        let asked = Instant::now();
        let slot = self.slot(name);
        let mut known = slot.lock().await;
        match *known {
            DelayQueueState::There(since) => return Ok(Some(since)),
            // One after the other, each with the patience of one, they would take hours.
            DelayQueueState::Failed(at) if at > asked => return Ok(None),
            DelayQueueState::Failed(_) | DelayQueueState::Nothing => {}
        }
        let result = declare.await;
        let now = Instant::now();
        *known = match result {
            Ok(()) => DelayQueueState::There(now),
            Err(_) => DelayQueueState::Failed(now),
        };
        result.map(|()| Some(now))
    }

    /// The queue is to be declared again, unless that was done since.
    pub(crate) async fn doubt(&self, name: &str, since: Instant) {
        let slot = self.slot(name);
        let mut known = slot.lock().await;
        if matches!(*known, DelayQueueState::There(known) if known == since) {
            *known = DelayQueueState::Nothing;
        }
    }

    fn slot(&self, name: &str) -> Arc<DelayQueueSlot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match slots.get(name) {
            Some(slot) => Arc::clone(slot),
            None => Arc::clone(
                slots
                    .entry(name.to_owned())
                    .or_insert_with(|| Arc::new(DelayQueueSlot::new(DelayQueueState::Nothing))),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::future::join_all;

    use super::*;

    /// Declaring takes a while, and is counted.
    async fn declare(count: &Cell<u32>, result: Result<(), ()>) -> Result<(), ()> {
        count.set(count.get() + 1);
        tokio::task::yield_now().await;
        result
    }

    #[tokio::test]
    async fn a_queue_is_declared_once_for_all_who_need_it_at_once_and_later() {
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
    async fn one_failure_is_the_answer_for_all_who_wait() {
        let (delays, count) = (DelayQueues::default(), Cell::new(0));
        let all = (0..100).map(|_| delays.declared("q", declare(&count, Err(()))));
        let answers = join_all(all).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 1);
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
    async fn a_queue_in_doubt_is_declared_once_more() {
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
        // Whose publish was refused before it was declared again says nothing of it now.
        delays.doubt("q", first).await;
        assert_eq!(
            delays.declared("q", declare(&count, Ok(()))).await,
            Ok(Some(second))
        );
        assert_eq!(count.get(), 2);
    }
}
