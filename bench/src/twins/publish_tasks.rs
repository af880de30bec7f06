//! Tasks that publish side by side, whoever publishes.

use std::time::Instant;

use tokio::task::JoinSet;

use crate::stopwatch::micros_since;

/// Publishes so many events from so many tasks, each of which waits for one before the next, and gives how long each
/// took in microseconds. `publish` is given an event's number.
pub(super) async fn publish_from<P, F>(tasks: u64, events: u64, publish: P) -> Vec<u32>
where
    P: Fn(u64) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let mut publishing = JoinSet::new();
    for task in 0..tasks {
        let publish = publish.clone();
        publishing.spawn(async move {
            let mut latencies = Vec::new();
            for number in (task..events).step_by(usize::try_from(tasks).unwrap_or(1)) {
                let begun = Instant::now();
                publish(number).await;
                latencies.push(micros_since(begun));
            }
            latencies
        });
    }
    publishing.join_all().await.concat()
}
