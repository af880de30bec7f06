//! The test bus: its clock, its lists, and when it has settled.

use std::future::pending;
use std::time::{Duration, Instant};

use tidings::testing::TestBus;
use tidings::{Reason, assert_not_published, assert_published, event_handler};

use crate::handlers::{Paid, Placed, Recorder, paid, patient, ping, placed, plain, pong, start};

#[tokio::test]
async fn a_rung_of_five_minutes_takes_no_real_time() {
    let (bus, recorder) = (TestBus::new(), Recorder::failing());
    let _app = start!(&bus, recorder, [patient]);
    let began = Instant::now();
    bus.publish(&placed("a", 1)).await.unwrap();
    bus.settled().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(bus.elapsed() >= Duration::from_mins(10), "{:?}", bus.elapsed());
    assert_eq!(recorder.seen(), [(1, 1), (1, 2), (1, 3)]);
    let dead = bus.dead_letters();
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].reason, dead[0].attempts), (Some(Reason::Failed), 3));
    assert_eq!(dead[0].error, "the gateway is down");
    assert_eq!(dead[0].routing_key, "order.placed");
    assert_not_published!(bus, Paid { .. });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settled_returns_after_returned_events_are_published() {
    for _ in 0..50 {
        let (bus, recorder) = (TestBus::new(), Recorder::default());
        let _app = start!(&bus, recorder, [patient]);
        bus.publish(&placed("a", 7)).await.unwrap();
        bus.settled().await;
        assert_published!(bus, Paid { number: 7, .. });
    }
}

#[tokio::test]
async fn settled_within_fails_when_the_budget_is_used_up() {
    let bus = TestBus::new();
    let _app = start!(&bus, [ping, pong]);
    bus.publish(&placed("a", 1)).await.unwrap();
    let error = bus
        .settled_within(100, Duration::from_secs(10))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("100 is the budget") && error.contains("order.paid"),
        "{error}"
    );
}

#[tokio::test]
async fn settled_within_fails_at_its_deadline() {
    #[event_handler]
    async fn stuck(_: Placed) {
        pending::<()>().await;
    }
    let bus = TestBus::new();
    let _app = start!(&bus, [stuck]);
    bus.publish(&placed("a", 1)).await.unwrap();
    let error = bus
        .settled_within(100, Duration::from_millis(50))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("still at work after 50ms"), "{error}");
}

#[tokio::test]
async fn a_failed_assertion_lists_the_published_events_with_the_closest_first() {
    let bus = TestBus::new();
    bus.publish_raw("weather.turned", r#"{"type":"weather.turned","data":{}}"#)
        .await;
    bus.publish(&paid("a", 1)).await.unwrap();
    bus.publish(&placed("a", 2)).await.unwrap();
    let failing = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        assert_published!(bus, Placed { number: 3, .. });
    }));
    let text = *failing.unwrap_err().downcast::<String>().unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    assert!(
        lines[0].contains("no `order.placed`") && lines[0].contains("number: 3"),
        "{text}"
    );
    assert!(lines[1].starts_with("order.placed {"), "{text}");
    assert!(lines[2].starts_with("order.paid {"), "{text}");
    assert!(lines[3].starts_with("weather.turned {"), "{text}");
}

#[tokio::test]
async fn an_undeclared_event_that_matches_a_wildcard_is_listed_as_ignored() {
    #[event_handler("order.*")]
    async fn wild(_: Placed) {}
    let bus = TestBus::new();
    let _app = start!(&bus, [wild]);
    bus.publish(&paid("a", 1)).await.unwrap();
    bus.settled().await;
    let ignored = bus.ignored();
    assert_eq!(
        (ignored[0].handler, &*ignored[0].routing_key),
        ("wild", "order.paid")
    );
}

#[tokio::test]
async fn settled_waits_for_a_resumed_handler() {
    let (bus, recorder) = (TestBus::new(), Recorder::default());
    let app = start!(&bus, recorder, [plain]);
    app.pause("plain").unwrap();
    bus.publish(&placed("a", 1)).await.unwrap();
    bus.settled().await;
    assert_eq!(recorder.seen(), []);
    app.resume("plain").unwrap();
    bus.settled().await;
    assert_eq!(recorder.seen(), [(1, 1)]);
}
