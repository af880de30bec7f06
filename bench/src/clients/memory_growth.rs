//! End to end over many events, while the resident memory is sampled.

use std::time::Duration;

use tidings::{App, handlers};

use super::countdown::Countdown;
use super::handlers::empty::take;
use super::job::Run;
use super::tidings_bus::{connect, publish_with_time};
use crate::machine::resident_kib;
use crate::stopwatch::Stopwatch;

pub(crate) async fn run(run: &Run) {
    let bus = connect(&run.url).await;
    let countdown = Countdown::new(run.events);
    let app = App::new("bench")
        .state(countdown.clone())
        .handlers(handlers![take]);
    let app = app.start(&bus).await.expect("the queue exists");
    let stopwatch = Stopwatch::start();
    let publishing = publish_with_time(&bus, run.events);
    let sampling = tokio::spawn(sample(countdown.clone(), run.events));
    publishing.join_all().await;
    countdown.finished().await;
    let (early, late) = sampling.await.expect("the sampler ends");
    stopwatch
        .also("MiB-after-a-fifth", early / 1024.0)
        .also("MiB-most-after", late / 1024.0)
        .also("growth", late / early.max(1.0))
        .stop(run.events, Vec::new());
    app.shutdown().await.expect("the shutdown succeeds");
}

/// Returns the most resident memory in KiB: during the first fifth of the events, and after it.
async fn sample(countdown: Countdown, events: u64) -> (f64, f64) {
    let (mut early, mut late) = (0.0_f64, 0.0_f64);
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    loop {
        pace.tick().await;
        let done = countdown.counted();
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
