//! Retired handlers and patterns.

use std::collections::BTreeSet;

use tidings::{App, HandlerError, Headers, NoState, Properties, PublishOptions, RunningApp};

use crate::broker::{QueuedMessage, TestBroker};
use crate::handlers::{Recorder, older_version, pays, placed, plain, slow_rungs};
use crate::harness::{Harness, start};
use tidings_test_support::wait::{eventually, within};

/// A body that would change if it were encoded again.
const BODY: &str = "{ \"data\": {\"number\":1,   \"order\":\"\\u0061\"},\n\"type\":\"order.placed\" }";

/// Starts a version of the service on a bus of its own.
async fn start_version<B: TestBroker, S: Send + Sync + 'static>(
    harness: &Harness<B>,
    change: impl FnOnce(App<NoState>) -> App<S>,
) -> RunningApp {
    let bus = harness.another_bus().await;
    let started = within("the start of a version", change(harness.app()).start(bus)).await;
    started.expect("the app starts")
}

/// Starts a version of the service, and ends it with its bus. A bus that stays open declares its bindings again every
/// few seconds.
async fn run_version<B: TestBroker, S: Send + Sync + 'static>(
    harness: &Harness<B>,
    change: impl FnOnce(App<NoState>) -> App<S>,
) {
    let version = start_version(harness, change).await;
    version.shutdown().await.unwrap();
}

/// Waits until the orphans queue has `count` messages.
async fn orphans<B: TestBroker>(harness: &Harness<B>, count: usize) -> Vec<QueuedMessage> {
    let queue = harness.queue("orphans");
    let orphans = eventually(&format!("{count} orphans"), async || {
        let orphans = harness.broker.messages(&queue).await;
        (orphans.len() >= count).then_some(orphans)
    })
    .await;
    assert_eq!(orphans.len(), count, "{orphans:?}");
    orphans
}

async fn expect_unroutable<B: TestBroker>(harness: &Harness<B>, number: u32) {
    let mandatory = PublishOptions::new().mandatory();
    let published = harness.bus.publish_with(&placed("a", number), mandatory).await;
    let error = published.expect_err("no queue is bound").to_string();
    assert!(error.ends_with("it was not delivered"), "{error}");
}

pub(crate) async fn a_retired_queue_is_unbound_and_drained_to_the_orphans_queue<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, _log) = Recorder::idle();
    run_version(&harness, |app| {
        app.state(recorder).handlers(tidings::handlers![plain])
    })
    .await;
    // These events stay in the queue, because it has no consumer.
    for number in 1..=300 {
        harness.bus.publish(&placed("a", number)).await.unwrap();
    }
    let properties = Properties {
        message_id: Some("m-1".to_owned()),
        reply_to: Some("answers".to_owned()),
        ..Properties::default()
    };
    let foreign: Headers = [("x-tenant", "acme")].into_iter().collect();
    harness
        .publish_as("order.placed", properties, foreign, BODY.as_bytes())
        .await;

    let second = start_version(&harness, |app| app.retired("plain", ["order.placed"])).await;
    let orphans = orphans(&harness, 301).await;
    let ids: BTreeSet<&str> = orphans
        .iter()
        .filter_map(|it| it.properties.message_id.as_deref())
        .collect();
    assert_eq!(ids.len(), 301, "the orphans queue has each event once");
    let foreign_orphan = orphans
        .iter()
        .find(|it| it.properties.message_id.as_deref() == Some("m-1"))
        .expect("the foreign event is an orphan");
    assert_eq!(std::str::from_utf8(&foreign_orphan.body).unwrap(), BODY);
    assert!(foreign_orphan.properties.persistent);
    // The headers are sufficient to publish the orphan again.
    for (header, text) in [
        ("x-tenant", "acme"),
        ("tidings-original-exchange", &harness.exchange),
        ("tidings-original-routing-key", "order.placed"),
        ("tidings-original-reply-to", "answers"),
        ("tidings-queue", &harness.queue("plain")),
        ("tidings-service", &harness.service),
        ("tidings-handler", "plain"),
    ] {
        assert_eq!(foreign_orphan.headers.text(header), Some(text), "{header}");
    }
    expect_unroutable(&harness, 302).await;
    second.shutdown().await.unwrap();
    assert!(
        harness.broker.messages(&harness.queue("plain")).await.is_empty(),
        "every event was acked"
    );
}

pub(crate) async fn a_retry_of_a_retired_queue_goes_to_the_orphans_queue<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::new(async |_| Err(HandlerError::retry("not yet")));
    let first = start!(harness, recorder, [slow_rungs]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    first.shutdown().await.unwrap();
    // The retry is in the delay queue, or in the handler queue again.
    let _second = start_version(&harness, |app| app.retired("slow_rungs", ["order.placed"])).await;
    let orphan = orphans(&harness, 1).await.remove(0);
    assert_eq!(
        orphan.headers.text("tidings-queue"),
        Some(&*harness.queue("slow_rungs"))
    );
    assert_eq!(orphan.headers.text("tidings-error"), Some("not yet"));
    let attempt = orphan.headers.get("tidings-attempt");
    assert_eq!(attempt.and_then(tidings::HeaderValue::as_i64), Some(2));
}

pub(crate) async fn an_event_that_still_reaches_a_retired_queue_goes_to_the_orphans_queue<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, _log) = Recorder::idle();
    let handlers = tidings::handlers![plain];
    run_version(&harness, |app| app.state(recorder.clone()).handlers(handlers)).await;
    let _second = start_version(&harness, |app| app.retired("plain", ["order.placed"])).await;
    expect_unroutable(&harness, 1).await;
    // An instance of the old version starts and binds the queue again.
    let third = start!(harness, recorder, [plain]);
    third.shutdown().await.unwrap();
    // The app declares the deleted orphans queue again, and no event is lost.
    harness.broker.delete_queue(&harness.queue("orphans")).await;
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    let orphan = orphans(&harness, 1).await.remove(0);
    let body: serde_json::Value = serde_json::from_slice(&orphan.body).unwrap();
    assert_eq!(body["data"]["number"], 2);
}

pub(crate) async fn a_missing_retired_queue_is_not_an_error<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let bus = harness.another_bus().await;
    let app = harness
        .app()
        .state(recorder)
        .handlers(tidings::handlers![pays])
        .retired("unknown", ["order.placed"])
        .start(bus)
        .await
        .unwrap();
    harness.bus.publish(&crate::handlers::paid("a", 1)).await.unwrap();
    assert_eq!(log.next().await.number, 1);
    assert!(app.health().is_ready());
    app.shutdown().await.unwrap();
}

pub(crate) async fn a_retired_pattern_is_unbound_from_a_queue_in_use<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let handlers = tidings::handlers![older_version::plain];
    run_version(&harness, |app| app.state(recorder.clone()).handlers(handlers)).await;
    let _second = start_version(&harness, |app| {
        let handlers = tidings::handlers![plain];
        app.state(recorder.clone())
            .handlers(handlers)
            .retired("plain", ["order.*"])
    })
    .await;
    // The pattern of the old version would route this event to the queue, before the next event.
    harness
        .publish_raw(
            "order.else",
            r#"{"type":"order.placed","data":{"order":"a","number":1}}"#,
        )
        .await;
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    log.expect_nothing();
    assert!(
        harness
            .broker
            .messages(&harness.queue("orphans"))
            .await
            .is_empty()
    );
    harness.expect_no_dead_letters("plain").await;
}

pub(crate) async fn a_drain_survives_a_lost_connection<B: TestBroker>(harness: Harness<B>) {
    let (recorder, _log) = Recorder::idle();
    let first = start!(harness, recorder, [plain]);
    first.shutdown().await.unwrap();
    for number in 1..=50 {
        harness.bus.publish(&placed("a", number)).await.unwrap();
    }
    let _second = start_version(&harness, |app| app.retired("plain", ["order.placed"])).await;
    harness.broker.cut_connections().await;
    // Another client publishes one more event directly to the queue.
    let queue = harness.queue("plain");
    let late = Properties {
        message_id: Some("late".to_owned()),
        ..Properties::default()
    };
    let published = harness
        .broker
        .publish("", &queue, late, Headers::new(), BODY.as_bytes());
    within("publishing without Tidings", published).await;
    // An event that was in flight when the connection was lost may be an orphan twice.
    let orphans = harness.queue("orphans");
    eventually("every message in the orphans queue", async || {
        let orphans = harness.broker.messages(&orphans).await;
        let ids: BTreeSet<_> = orphans
            .into_iter()
            .filter_map(|it| it.properties.message_id)
            .collect();
        (ids.len() == 51 && ids.contains("late")).then_some(())
    })
    .await;
}
