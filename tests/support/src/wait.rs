//! Waiting for what comes, with a deadline.

use std::future::Future;
use std::time::Duration;

/// How long anything may take. Far more than it does: a busy machine must not fail a run.
pub const DEADLINE: Duration = Duration::from_mins(2);

/// How often one looks for what nothing tells of.
pub const LOOK: Duration = Duration::from_millis(20);

/// Waits for a future.
///
/// # Panics
/// When it takes longer than [`DEADLINE`]; says what was waited for.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .unwrap_or_else(|_| panic!("waited {DEADLINE:?} in vain for {what}"))
}

/// Asks again and again until the answer is yes.
///
/// # Panics
/// When it is not within [`DEADLINE`]; says what was waited for.
pub async fn until(what: &str, asked: impl AsyncFnMut() -> bool) {
    assert!(
        comes(DEADLINE, asked).await,
        "waited {DEADLINE:?} in vain until {what}"
    );
}

/// Asks again and again until the answer is yes, or the time is over; whether it was.
pub async fn comes(within: Duration, mut asked: impl AsyncFnMut() -> bool) -> bool {
    let asking = async {
        while !asked().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(within, asking).await.is_ok()
}

/// Runs what blocks, such as a call of a node's.
///
/// # Panics
/// When it does.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
