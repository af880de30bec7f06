//! The breaker stops a failing handler, and no event is lost.

use std::time::Duration;

use tidings::RunningApp;
use tidings::health::HandlerState;
use tidings::testing::TestBus;

use crate::handlers::{Recorder, every, ordered, placed, plain, start};

/// Publishes 25 events to a failing handler and repairs it when its breaker is open.
async fn open_the_breaker(bus: &TestBus, app: &RunningApp, handler: &str, recorder: &Recorder) {
    for number in 1..=25 {
        bus.publish(&placed(&format!("order-{number}"), number))
            .await
            .unwrap();
    }
    let opened = async {
        while app.health().handler(handler).unwrap().state != HandlerState::BreakerOpen {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), opened)
        .await
        .expect("the breaker opens");
    recorder.repair();
    bus.settled().await;
    let mut numbers: Vec<u32> = recorder.seen().iter().map(|(number, _)| *number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, (1..=25).collect::<Vec<_>>());
    assert!(bus.dead_letters().is_empty());
    let health = app.health();
    assert!(health.is_ready(), "{health:?}");
    assert_eq!(health.handler(handler).unwrap().handled, 25);
    assert!(
        bus.elapsed() >= Duration::from_secs(1),
        "the first probe waits a second"
    );
}

#[tokio::test]
async fn an_unordered_handler_handles_every_event_after_its_breaker_was_open() {
    let (bus, recorder) = (TestBus::new(), Recorder::failing());
    let app = start!(&bus, recorder, [plain]);
    open_the_breaker(&bus, &app, "plain", &recorder).await;
}

#[tokio::test]
async fn an_ordered_handler_handles_every_event_after_its_breaker_was_open() {
    let (bus, recorder) = (TestBus::new(), Recorder::failing());
    let app = start!(&bus, recorder, [ordered]);
    open_the_breaker(&bus, &app, "ordered", &recorder).await;
}

#[tokio::test]
async fn an_ephemeral_handler_keeps_its_queue_while_its_breaker_is_open() {
    let (bus, recorder) = (TestBus::new(), Recorder::failing());
    let app = start!(&bus, recorder, [every]);
    open_the_breaker(&bus, &app, "every", &recorder).await;
}
