//! The in-memory broker, end to end on one core: published, routed, decoded, handled, acknowledged.

use tidings::{App, Bus, handlers};
use tokio::task::JoinSet;

use super::countdown::Tally;
use super::generated;
use super::handlers::empty::take;
use crate::event::{OrderCreated, SMALL};
use crate::stopwatch::Stopwatch;
use crate::worker::Run;

/// From so many tasks, and with `cold` handlers beside, each of which has 100 patterns that match nothing.
pub(crate) async fn run(run: &Run, tasks: u64, cold: usize) {
    let bus = Bus::in_memory();
    let tally = Tally::new(run.events);
    let app = App::new("bench").state(tally.clone()).handlers(handlers![take]);
    let app = generated::cold(app, cold).start(&bus).await;
    let app = app.expect("memory takes every app");
    let events = run.events;
    let stopwatch = Stopwatch::start();
    let mut publishing = JoinSet::new();
    for task in 0..tasks {
        let bus = bus.clone();
        publishing.spawn(async move {
            for number in (task..events).step_by(usize::try_from(tasks).unwrap_or(1)) {
                bus.publish(&OrderCreated::new(number, SMALL))
                    .await
                    .expect("memory confirms");
            }
        });
    }
    publishing.join_all().await;
    tally.all().await;
    stopwatch.stop(events, Vec::new());
    app.shutdown().await.expect("nothing is left");
}
