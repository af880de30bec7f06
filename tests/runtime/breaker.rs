//! The breaker stops a failing handler, and no event is lost.

use std::time::Duration;

use tidings::RunningApp;
use tidings::health::HandlerState;
use tidings::testing::TestBus;

use crate::handlers::{Recorder, cautious, every, ordered, placed, plain, start, unguarded};

/// Publishes 25 events to a failing handler, and waits until its breaker is open.
async fn publish_until_open(bus: &TestBus, app: &RunningApp, handler: &str) {
    for number in 1..=25 {
        bus.publish(&placed(&format!("order-{number}"), number))
            .await
            .unwrap();
    }
    until_open(app, handler).await;
}

async fn until_open(app: &RunningApp, handler: &str) {
    let opened = async {
        while app.health().handler(handler).unwrap().state != HandlerState::BreakerOpen {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), opened)
        .await
        .expect("the breaker opens");
}

/// Repairs a handler when its breaker is open.
async fn open_the_breaker(bus: &TestBus, app: &RunningApp, handler: &str, recorder: &Recorder) {
    publish_until_open(bus, app, handler).await;
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

/// Publishes events with the numbers from 1, each of its own aggregate, and waits until nothing is left to do.
async fn publish_and_settle(bus: &TestBus, events: u32) {
    for number in 1..=events {
        bus.publish(&placed(&format!("order-{number}"), number))
            .await
            .unwrap();
    }
    bus.settled().await;
}

#[tokio::test]
async fn events_that_fail_at_their_first_two_attempts_succeed_although_they_open_the_breaker() {
    let (bus, recorder) = (TestBus::new(), Recorder::failing_except(|_, attempt| attempt > 2));
    let app = start!(&bus, recorder, [plain]);
    publish_and_settle(&bus, 100).await;
    assert_eq!(app.health().handler("plain").unwrap().handled, 100);
    assert!(bus.elapsed() < Duration::from_mins(5), "{:?}", bus.elapsed());
}

#[tokio::test]
async fn events_that_always_fail_do_not_stop_the_healthy_events_behind_them() {
    let (bus, recorder) = (TestBus::new(), Recorder::failing_except(|number, _| number > 500));
    let app = start!(&bus, recorder, [plain]);
    publish_and_settle(&bus, 550).await;
    assert_eq!(app.health().handler("plain").unwrap().handled, 50);
    assert_eq!(bus.dead_letters().len(), 500);
    // The first healthy event is probed after about ten minutes, and eight attempts take half an hour.
    assert!(bus.elapsed() < Duration::from_hours(1), "{:?}", bus.elapsed());
}

#[tokio::test]
async fn a_prefetch_full_of_events_that_always_fail_stops_an_ordered_handler_for_an_hour_or_two() {
    let (bus, recorder) = (TestBus::new(), Recorder::failing_except(|number, _| number > 40));
    let app = start!(&bus, recorder, [ordered]);
    publish_and_settle(&bus, 60).await;
    assert_eq!(app.health().handler("ordered").unwrap().handled, 20);
    assert_eq!(bus.dead_letters().len(), 40);
    assert!(bus.elapsed() < Duration::from_hours(2), "{:?}", bus.elapsed());
}

#[tokio::test]
async fn messages_that_are_no_events_do_not_use_up_the_probes() {
    let (bus, recorder) = (TestBus::new(), Recorder::failing());
    let app = start!(&bus, recorder, [plain]);
    publish_until_open(&bus, &app, "plain").await;
    for _ in 0..100 {
        bus.publish_raw("order.placed", "[]").await;
    }
    recorder.repair();
    bus.settled().await;
    assert_eq!(bus.dead_letters().len(), 100);
    assert!(bus.elapsed() < Duration::from_secs(10), "{:?}", bus.elapsed());
}

#[tokio::test]
async fn the_option_breaker_sets_how_many_attempts_must_fail_in_a_row() {
    let (bus, recorder) = (TestBus::new(), Recorder::failing());
    let app = start!(&bus, recorder, [cautious]);
    bus.publish(&placed("order-1", 1)).await.unwrap();
    bus.publish(&placed("order-2", 2)).await.unwrap();
    until_open(&app, "cautious").await;
    recorder.repair();
    bus.settled().await;
    assert_eq!(app.health().handler("cautious").unwrap().handled, 2);
}

#[tokio::test]
async fn a_handler_with_its_breaker_off_dead_letters_every_event_of_an_outage() {
    let (bus, recorder) = (TestBus::new(), Recorder::failing());
    let _app = start!(&bus, recorder, [unguarded]);
    publish_and_settle(&bus, 50).await;
    assert_eq!(bus.dead_letters().len(), 50);
    assert_eq!(recorder.seen().len(), 8 * 50);
}
