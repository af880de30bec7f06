//! The in-memory broker, end to end on one core: published, routed, decoded, handled, acknowledged.

use tidings::{App, Bus, handlers};

use super::countdown::Countdown;
use super::handlers::empty::take;
use super::job::Run;
use super::publish_tasks::spawn;
use crate::event::{OrderCreated, SMALL_NOTE};
use crate::stopwatch::Stopwatch;

pub(crate) async fn run(run: &Run, tasks: u64) {
    let bus = Bus::in_memory();
    let countdown = Countdown::new(run.events);
    let app = App::new("bench")
        .state(countdown.clone())
        .handlers(handlers![take]);
    let app = app.start(&bus).await.expect("the app starts in memory");
    let stopwatch = Stopwatch::start();
    let publishing = spawn(tasks, run.events, move |number| {
        let bus = bus.clone();
        async move {
            bus.publish(&OrderCreated::new(number, SMALL_NOTE))
                .await
                .expect("memory confirms");
        }
    });
    publishing.join_all().await;
    countdown.finished().await;
    stopwatch.stop(run.events, Vec::new());
    app.shutdown().await.expect("the shutdown succeeds");
}
