//! End to end for a while, with an eye on the memory.

use std::time::Duration;

use tidings::{App, handlers};

use super::countdown::Tally;
use super::handlers::empty::take;
use super::tidings::{connect, publish_timed};
use crate::machine::resident_kib;
use crate::stopwatch::Stopwatch;
use crate::worker::Run;

pub(crate) async fn run(run: &Run) {
    let bus = connect(&run.url).await;
    let tally = Tally::new(run.events);
    let app = App::new("bench").state(tally.clone()).handlers(handlers![take]);
    let app = app.start(&bus).await.expect("the queue is there");
    let stopwatch = Stopwatch::start();
    let publishing = publish_timed(&bus, run.events);
    let watching = tokio::spawn(watch(tally.clone(), run.events));
    publishing.join_all().await;
    tally.all().await;
    let (early, late) = watching.await.expect("the watcher ends");
    stopwatch
        .also("MiB-after-a-fifth", early / 1024.0)
        .also("MiB-most-after", late / 1024.0)
        .also("growth", late / early.max(1.0))
        .stop(run.events, Vec::new());
    app.shutdown().await.expect("nothing is left");
}

/// The most memory in the first fifth of the events, and in the rest, in KiB.
async fn watch(tally: Tally, events: u64) -> (f64, f64) {
    let (mut early, mut late) = (0.0_f64, 0.0_f64);
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    loop {
        pace.tick().await;
        let done = tally.count();
        #[allow(clippy::cast_precision_loss)] // Memory is small.
        let now = resident_kib(std::process::id()) as f64;
        if done < events / 5 {
            early = early.max(now);
        } else {
            late = late.max(now);
        }
        if done >= events {
            return (early, late);
        }
    }
}
