//! Waiting, always with a deadline.

use std::future::Future;
use std::time::Duration;

/// The deadline of every wait in a test. It is much longer than needed, so that a busy machine fails no test.
pub const DEADLINE: Duration = Duration::from_mins(2);

/// The interval between checks of a condition that sends no signal.
pub const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Waits for a future.
///
/// # Panics
/// After [`DEADLINE`], with `what` in the text.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .unwrap_or_else(|_| panic!("{what}: not after {DEADLINE:?}"))
}

/// Polls until `poll` returns a value.
///
/// # Panics
/// After [`DEADLINE`], with `what` in the text.
pub async fn eventually<T>(what: &str, mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    let polling = async {
        loop {
            if let Some(value) = poll().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(what, polling).await
}

/// Polls until a condition is true.
///
/// # Panics
/// After [`DEADLINE`], with `what` in the text.
pub async fn until(what: &str, condition: impl AsyncFnMut() -> bool) {
    assert!(
        becomes_true(DEADLINE, condition).await,
        "{what}: not after {DEADLINE:?}"
    );
}

/// Polls until a condition is true or the deadline has passed. Returns whether the condition is true.
pub async fn becomes_true(deadline: Duration, mut condition: impl AsyncFnMut() -> bool) -> bool {
    let polling = async {
        while !condition().await {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    tokio::time::timeout(deadline, polling).await.is_ok()
}

/// Runs a blocking call, such as a command of a node, on another thread.
///
/// # Panics
/// When the call panics.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
