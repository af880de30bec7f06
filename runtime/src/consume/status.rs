//! The state that the app wants a consumer to have, and the state that the consumer reports.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Awake;

/// The state that the app wants a consumer to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DesiredState {
    /// Take deliveries.
    Run,
    /// Take no deliveries, and return those that have not started.
    Pause,
    /// Take no deliveries, finish the running attempts, then end.
    Drain,
    /// End now.
    Abort,
}

/// The state of a consumer as health shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum ConsumerState {
    #[default]
    Starting,
    Running,
    Paused,
    BreakerOpen,
    /// Not subscribed, with the reason.
    Failing(String),
    Stopped,
}

/// The state of a consumer, shared with the running app.
#[derive(Debug, Default)]
pub(crate) struct ConsumerStatus {
    state: Mutex<ConsumerState>,
    command: Mutex<Option<Awake>>,
    last_end: Mutex<Option<String>>,
}

impl ConsumerStatus {
    pub(crate) fn get(&self) -> ConsumerState {
        lock(&self.state).clone()
    }

    pub(crate) fn set(&self, state: ConsumerState) {
        *lock(&self.state) = state;
    }

    /// Why the broker last ended the subscription.
    pub(crate) fn last_end(&self) -> Option<String> {
        lock(&self.last_end).clone()
    }

    pub(crate) fn set_last_end(&self, reason: String) {
        *lock(&self.last_end) = Some(reason);
    }

    /// Stops a virtual clock until the consumer has read the new [`DesiredState`].
    pub(crate) fn command_sent(&self, awake: Awake) {
        *lock(&self.command) = Some(awake);
    }

    pub(crate) fn command_received(&self) {
        *lock(&self.command) = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
