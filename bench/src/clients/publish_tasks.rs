//! Tasks that publish concurrently, with any client.

use std::time::Instant;

use tokio::task::JoinSet;

use crate::stopwatch::micros_since;

/// The number of tasks in `publish-256` and in the end-to-end jobs.
pub(super) const TASKS: u64 = 256;

/// Starts `tasks` tasks that publish `events` events together. Each task awaits one publish before the next, and
/// returns what its publishes returned. `publish` takes the event's number.
pub(super) fn spawn<P, F>(tasks: u64, events: u64, publish: P) -> JoinSet<Vec<F::Output>>
where
    P: Fn(u64) -> F + Clone + Send + 'static,
    F: Future<Output: Send + 'static> + Send,
{
    let mut publishing = JoinSet::new();
    for task in 0..tasks {
        let publish = publish.clone();
        publishing.spawn(async move {
            let mut outputs = Vec::new();
            for number in (task..events).step_by(usize::try_from(tasks).unwrap_or(1)) {
                outputs.push(publish(number).await);
            }
            outputs
        });
    }
    publishing
}

/// Publishes as `spawn` does, and returns the latency of each publish in microseconds.
pub(super) async fn publish_from<P, F>(tasks: u64, events: u64, publish: P) -> Vec<u32>
where
    P: Fn(u64) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send,
{
    let timed = move |number| {
        let publish = publish.clone();
        async move {
            let begun = Instant::now();
            publish(number).await;
            micros_since(begun)
        }
    };
    spawn(tasks, events, timed).join_all().await.concat()
}
