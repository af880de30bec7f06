//! The in-memory broker, end to end on one core: published, routed, decoded, handled, acknowledged.

use tidings::{App, Bus, Event, State, event_handler, handlers};
use tokio::task::JoinSet;

use super::tidings::Tally;
use crate::event::{OrderCreated, SMALL};
use crate::worker::{Run, Stopwatch};

const TASKS: u64 = 64;

#[event_handler("order.created")]
async fn take(order: Event<OrderCreated>, State(tally): State<Tally>) {
    std::hint::black_box(&order);
    tally.one();
}

pub(crate) async fn run(run: &Run) {
    let bus = Bus::in_memory();
    let tally = Tally::new(run.events);
    let app = App::new("bench").state(tally.clone()).handlers(handlers![take]);
    let app = app.start(&bus).await.expect("memory takes every app");
    let events = run.events;
    let stopwatch = Stopwatch::start();
    let mut publishing = JoinSet::new();
    for task in 0..TASKS {
        let bus = bus.clone();
        publishing.spawn(async move {
            for number in (task..events).step_by(usize::try_from(TASKS).unwrap_or(1)) {
                bus.publish(&OrderCreated::new(number, SMALL))
                    .await
                    .expect("memory confirms");
            }
        });
    }
    publishing.join_all().await;
    tally.all().await;
    app.shutdown().await.expect("nothing is left");
    stopwatch.stop(events, Vec::new());
}
