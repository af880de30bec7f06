//! The start of an app with 500 handlers: first without queues on the broker, then with all of them declared.

use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream;
use lapin::options::QueueDeleteOptions;
use tidings::{App, Bus};

use super::generated;
use super::job::Run;
use super::lapin_wire;
use crate::stopwatch::Stopwatch;

/// The number of handlers that `build.rs` writes.
const HANDLERS: u64 = 500;

pub(crate) async fn run(run: &Run) {
    let service = format!("start{}", std::process::id());
    let bus = Bus::builder().service(&service).connect(&run.url);
    let bus = bus.await.expect("the broker accepts the connection");
    let stopwatch = Stopwatch::start();
    let app = generated::with_500_handlers(App::new(&service));
    let app = app.start(&bus).await.expect("everything can be declared");
    let stopwatch = stopwatch.pause();
    app.shutdown().await.expect("the shutdown succeeds");
    let begun = Instant::now();
    let app = generated::with_500_handlers(App::new(&service));
    let app = app.start(&bus).await.expect("everything exists");
    let again = begun.elapsed().as_secs_f64();
    app.shutdown().await.expect("the shutdown succeeds");
    // An open bus would declare the deleted queues again.
    bus.close().await;
    delete_queues(&run.url, &service).await;
    stopwatch.also("s-again", again).stop(HANDLERS, Vec::new());
}

/// Deletes the queues, so that the next run starts without them too.
async fn delete_queues(url: &str, service: &str) {
    let (connection, channel) = lapin_wire::connect(url).await;
    let queues = (0..HANDLERS).flat_map(|at| {
        let queue = format!("{service}.start{at}");
        [format!("{queue}.dlq"), queue]
    });
    let queues = queues.chain([format!("{service}.orphans")]);
    stream::iter(queues)
        .for_each_concurrent(64, |queue| {
            let deleted = channel.queue_delete(queue.into(), QueueDeleteOptions::default());
            async move {
                // To RabbitMQ it is no error to delete a queue that does not exist.
                deleted.await.expect("a queue can be deleted");
            }
        })
        .await;
    connection.close(200, "done".into()).await.expect("it closes");
}
