//! Inline execution: an attempt of a fast handler is polled once in the session's task before it gets its own task.
//!
//! A task costs a few microseconds: it is allocated, queued, and usually wakes another core. Without it a delivery
//! through the in-memory broker takes 6.2 µs instead of 8.6 µs. A handler runs inline after many fast attempts in a
//! row. After an attempt that does not complete at its first poll, this and the next attempts run in tasks again.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::consume::attempt::{Attempt, Completion, Report, Reporter};
use crate::consume::lost_runs::RunEnd;

/// Less than the cost of a task that wakes another core.
const FAST: Duration = Duration::from_micros(10);
/// Longer than an attempt may delay the other deliveries of its session.
const SLOW: Duration = Duration::from_micros(50);
/// How many fast attempts in a row make a handler fast.
const FAST_STREAK: u32 = 16;
/// After a streak of this length, the machine may have caused one slow attempt, so the next attempt decides.
const LONG_STREAK: u32 = 256;

/// Whether the recent attempts of a handler were fast enough to run inline.
#[derive(Debug, Default)]
pub(super) struct InlineExecution {
    streak: u32,
}

impl InlineExecution {
    /// Whether the next attempt is likely to complete before a task for it would have started.
    pub(super) fn is_likely(&self) -> bool {
        self.streak >= FAST_STREAK
    }

    /// Records an attempt that took `took`. `needed_task` says that it started inline and did not complete there.
    pub(super) fn record(&mut self, took: Duration, needed_task: bool) {
        if took >= SLOW || needed_task {
            self.streak = if self.streak >= LONG_STREAK {
                FAST_STREAK - 1
            } else {
                0
            };
        } else if took < FAST {
            self.streak = self.streak.saturating_add(1);
        }
    }
}

/// Starts attempts in the session's task, one after the other.
pub(super) trait InlineExecutor: Send {
    /// Polls an attempt once, and spawns it when it does not complete.
    fn start(&mut self, attempt: Attempt, reporter: &Reporter) -> Started;
}

/// The state of an attempt after its first poll.
pub(super) enum Started {
    Completed(Completion),
    /// The attempt continues in a task, which reports.
    Spawned(JoinHandle<RunEnd>),
    /// Code outside of the handler panicked.
    Panicked,
}

pub(super) fn executor() -> Box<dyn InlineExecutor> {
    Box::new(ReusedFuture {
        run: Attempt::run,
        future: Box::pin(None),
    })
}

/// An executor that reuses the allocation of a completed future. [`InlineExecutor`] hides the type of that future,
/// which has no name.
struct ReusedFuture<F, S> {
    run: S,
    future: Pin<Box<Option<F>>>,
}

impl<F, S> InlineExecutor for ReusedFuture<F, S>
where
    F: Future<Output = Completion> + Send + 'static,
    S: Fn(Attempt) -> F + Send,
{
    fn start(&mut self, attempt: Attempt, reporter: &Reporter) -> Started {
        self.future.set(Some((self.run)(attempt)));
        // No waker is needed here: a future that is pending gets a task, which polls it at once.
        let mut context = Context::from_waker(Waker::noop());
        let future = &mut self.future;
        // The handler's own panics are caught further in. A panic of other code, such as a metrics recorder, must end
        // this attempt alone and not the session.
        let polled = catch_unwind(AssertUnwindSafe(|| poll(future.as_mut(), &mut context)));
        if let Ok(Poll::Pending) = polled {
            let mut future = std::mem::replace(&mut self.future, Box::pin(None));
            let reporter = reporter.clone();
            return Started::Spawned(tokio::spawn(async move {
                match poll_fn(|context| poll(future.as_mut(), context)).await {
                    Some(completion) => reporter.ended(Report::Completed(completion)),
                    None => RunEnd::Unknown,
                }
            }));
        }
        self.future.set(None);
        match polled {
            Ok(Poll::Ready(Some(completion))) => Started::Completed(completion),
            _ => Started::Panicked,
        }
    }
}

fn poll<T>(future: Pin<&mut Option<impl Future<Output = T>>>, context: &mut Context<'_>) -> Poll<Option<T>> {
    future
        .as_pin_mut()
        .map_or(Poll::Ready(None), |future| future.poll(context).map(Some))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fast_handler(attempts: u32) -> InlineExecution {
        let mut handler = InlineExecution::default();
        (0..attempts).for_each(|_| handler.record(Duration::from_micros(1), false));
        handler
    }

    #[test]
    fn a_handler_runs_inline_after_many_fast_attempts_in_a_row() {
        assert!(!fast_handler(FAST_STREAK - 1).is_likely());
        assert!(fast_handler(FAST_STREAK).is_likely());
    }

    #[test]
    fn one_slow_attempt_ends_inline_execution() {
        let mut handler = fast_handler(FAST_STREAK);
        handler.record(SLOW, false);
        assert!(!handler.is_likely());
    }

    #[test]
    fn after_a_long_streak_a_slow_attempt_suspends_inline_execution_and_a_second_ends_it() {
        let mut handler = fast_handler(LONG_STREAK);
        handler.record(SLOW, false);
        assert!(!handler.is_likely());
        handler.record(Duration::from_micros(1), false);
        assert!(handler.is_likely());
        handler.record(SLOW, false);
        handler.record(Duration::from_micros(1), false);
        assert!(!handler.is_likely());
    }

    #[test]
    fn an_attempt_that_needs_a_task_ends_inline_execution() {
        let mut handler = fast_handler(FAST_STREAK);
        handler.record(Duration::from_micros(1), true);
        assert!(!handler.is_likely());
    }

    #[test]
    fn an_attempt_between_fast_and_slow_changes_nothing() {
        let mut handler = fast_handler(FAST_STREAK);
        handler.record(FAST, false);
        assert!(handler.is_likely());
    }
}
