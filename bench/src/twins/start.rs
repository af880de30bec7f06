//! An app with 500 handlers starts: for the first time, and again when its queues are there.

use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream;
use lapin::options::QueueDeleteOptions;
use tidings::{App, Bus};

use super::generated;
use super::lapin_wire;
use crate::stopwatch::Stopwatch;
use crate::worker::Run;

/// As many as `build.rs` writes.
const HANDLERS: u64 = 500;

pub(crate) async fn run(run: &Run) {
    let service = format!("start{}", std::process::id());
    let bus = Bus::builder().service(&service).connect(&run.url);
    let bus = bus.await.expect("the broker takes connections");
    let stopwatch = Stopwatch::start();
    let app = generated::started(App::new(&service));
    let app = app.start(&bus).await.expect("everything can be declared");
    let stopwatch = stopwatch.pause();
    app.shutdown().await.expect("nothing is left");
    let begun = Instant::now();
    let app = generated::started(App::new(&service));
    let app = app.start(&bus).await.expect("everything is there");
    let again = begun.elapsed().as_secs_f64();
    app.shutdown().await.expect("nothing is left");
    // A bus that lives declares again what it finds gone.
    bus.close().await;
    clean(&run.url, &service).await;
    stopwatch.also("s-again", again).stop(HANDLERS, Vec::new());
}

/// The next run must find the broker as this one did.
async fn clean(url: &str, service: &str) {
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
                // One that is not there is not an error to the broker.
                deleted.await.expect("a queue can be deleted");
            }
        })
        .await;
    connection.close(200, "clean".into()).await.expect("it closes");
}
