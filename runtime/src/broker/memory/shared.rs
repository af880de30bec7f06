//! The state behind its lock, and the background task that expires messages.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::deferred::DeferredEffects;
use super::state::MemoryState;
use crate::clock::{Awake, Clock};

/// State that the broker shares with its subscriptions.
#[derive(Debug)]
pub(super) struct MemoryShared {
    state: Mutex<MemoryState>,
    pub(super) clock: Clock,
    pub(super) changed: Arc<Notify>,
}

impl MemoryShared {
    pub(super) fn new(state: MemoryState, clock: Clock) -> Self {
        Self {
            state: Mutex::new(state),
            // The broker uses the signal of its virtual clock, because `is_busy` depends on the clock as well.
            changed: clock.signal(),
            clock,
        }
    }

    /// Locks the state for reading. Changes go through [`with`](Self::with).
    pub(super) fn lock(&self) -> MutexGuard<'_, MemoryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state under the lock, then runs the deferred effects without the lock.
    pub(super) fn with<R>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut MemoryState, &mut DeferredEffects) -> R,
    ) -> R {
        let mut effects = DeferredEffects::default();
        let mut state = self.lock();
        let result = change(&mut state, &mut effects);
        state.set_timer(&mut effects);
        if state.timer.lacks_task() {
            self.spawn(&mut state);
        }
        drop(state);
        effects.run();
        self.changed.notify_waiters();
        result
    }

    fn spawn(self: &Arc<Self>, state: &mut MemoryState) {
        // Outside of a tokio runtime nothing expires. The next call from inside a runtime starts the task.
        if let Ok(runtime) = Handle::try_current() {
            state.timer.task = Some(runtime.spawn(run_expiry(Arc::downgrade(self))));
        }
    }

    fn poll_expire(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<Awake> {
        self.with(|state, effects| state.poll_expire(cx, effects))
    }
}

impl Drop for MemoryShared {
    fn drop(&mut self) {
        if let Some(task) = &self.lock().timer.task {
            task.abort();
        }
    }
}

/// Expires messages until the broker is dropped.
async fn run_expiry(shared: Weak<MemoryShared>) {
    let next = || {
        poll_fn(|cx| match shared.upgrade() {
            Some(shared) => shared.poll_expire(cx).map(Some),
            None => Poll::Ready(None),
        })
    };
    while let Some(awake) = next().await {
        drop(awake);
    }
}
