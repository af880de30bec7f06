//! Handlers that block the threads of the app's runtime.

use std::time::{Duration, Instant};

use tidings::{App, Delivery, State, event_handler, handlers};
use tokio::sync::mpsc;

use tidings_test_support::wait::within;

use crate::fixture::{Happened, bus, vhost};

/// Longer than the broker and lapin wait for a heartbeat, when it is sent each second.
const BLOCKED: Duration = Duration::from_secs(5);

#[event_handler("thing.happened.*")]
async fn compute(_event: Happened, delivery: Delivery, State(seen): State<mpsc::UnboundedSender<bool>>) {
    let began = Instant::now();
    while began.elapsed() < BLOCKED {
        std::hint::spin_loop();
    }
    seen.send(delivery.redelivered()).unwrap();
}

#[tokio::test]
async fn a_handler_that_blocks_the_only_thread_does_not_end_the_connection() {
    let vhost = vhost().await;
    let bus = bus(&format!("{}?heartbeat=1", vhost.url())).await;
    let (sender, mut seen) = mpsc::unbounded_channel();
    let app = App::new("counter").state(sender).handlers(handlers![compute]);
    let app = app.start(&bus).await.unwrap();
    for number in 1..=2 {
        bus.publish(&Happened::new(number, "now")).await.unwrap();
    }
    for _ in 0..2 {
        let redelivered = within("an attempt", seen.recv()).await.unwrap();
        assert!(!redelivered, "the connection was lost while the handler ran");
    }
    within("the shutdown", app.shutdown()).await.unwrap();
    assert!(seen.try_recv().is_err());
}
