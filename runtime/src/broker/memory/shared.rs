//! The state behind its lock, and the one background task that expires messages.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::deferred::After;
use super::state::MemoryState;
use crate::clock::{Awake, Clock};

/// What the broker and its subscriptions share.
#[derive(Debug)]
pub(super) struct MemoryShared {
    state: Mutex<MemoryState>,
    pub(super) clock: Clock,
    pub(super) changed: Arc<Notify>,
}

impl MemoryShared {
    /// A broker in this state.
    pub(super) fn new(state: MemoryState, clock: Clock) -> Self {
        Self {
            state: Mutex::new(state),
            // A virtual clock's own signal: whether the broker is busy changes with it, too.
            changed: clock.signal(),
            clock,
        }
    }

    /// The state, to look at.
    pub(super) fn lock(&self) -> MutexGuard<'_, MemoryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state; what follows from it for others is done once the lock is free.
    pub(super) fn with<R>(self: &Arc<Self>, change: impl FnOnce(&mut MemoryState, &mut After) -> R) -> R {
        let mut after = After::default();
        let mut state = self.lock();
        let result = change(&mut state, &mut after);
        state.set_timer(&mut after);
        if state.timer.lacks_task() {
            self.spawn(&mut state);
        }
        drop(state);
        after.run();
        self.changed.notify_waiters();
        result
    }

    fn spawn(self: &Arc<Self>, state: &mut MemoryState) {
        // Outside of a runtime there is no one to expire anything; the next call from inside one makes up for it.
        if let Ok(runtime) = Handle::try_current() {
            state.timer.task = Some(runtime.spawn(run(Arc::downgrade(self))));
        }
    }

    fn poll_expire(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<Awake> {
        self.with(|state, after| state.poll_expire(cx, after))
    }
}

impl Drop for MemoryShared {
    fn drop(&mut self) {
        if let Some(task) = &self.lock().timer.task {
            task.abort();
        }
    }
}

/// Expires what is due, for as long as the broker lives.
async fn run(shared: Weak<MemoryShared>) {
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
