//! What an app gives up: queues of handlers that are gone, patterns that are.

use std::collections::BTreeSet;

use tidings::{App, HandlerError, Headers, NoState, Properties, PublishOptions, RunningApp};

use crate::cast::{Hands, elder, pays, placed, plain, slow_rungs};
use crate::fixture::{Fixture, Queued};
use crate::stage::{Stage, eventually, start, within};

/// A body that any re-encoding would change.
const BODY: &str = "{ \"data\": {\"number\":1,   \"order\":\"\\u0061\"},\n\"type\":\"order.placed\" }";

/// Starts the next version of the service: one that has no handler of its own any more, or another.
async fn next_version<F: Fixture, S: Send + Sync + 'static>(
    stage: &Stage<F>,
    change: impl FnOnce(App<NoState>) -> App<S>,
) -> RunningApp {
    let bus = stage.another_bus().await;
    let started = within("the start of the next version", change(stage.app()).start(bus)).await;
    started.expect("the app starts")
}

/// Waits until the orphans hold `count` messages.
async fn orphans<F: Fixture>(stage: &Stage<F>, count: usize) -> Vec<Queued> {
    let queue = stage.queue("orphans");
    let orphans = eventually(&format!("{count} orphans"), async || {
        let orphans = stage.broker.messages(&queue).await;
        (orphans.len() >= count).then_some(orphans)
    })
    .await;
    assert_eq!(orphans.len(), count, "{orphans:?}");
    orphans
}

async fn no_queue_takes<F: Fixture>(stage: &Stage<F>, number: u32) {
    let mandatory = PublishOptions::new().mandatory();
    let published = stage.bus.publish_with(&placed("a", number), mandatory).await;
    let error = published.expect_err("nothing is bound for it").to_string();
    assert!(error.ends_with("it was not delivered"), "{error}");
}

pub(crate) async fn a_retired_queue_is_unbound_and_drained_to_the_orphans<F: Fixture>(stage: Stage<F>) {
    let (hands, _log) = Hands::idle();
    let first = start!(stage, hands, [plain]);
    first.shutdown().await.unwrap();
    // Nobody takes these any more.
    for number in 1..=300 {
        stage.bus.publish(&placed("a", number)).await.unwrap();
    }
    let properties = Properties {
        message_id: Some("m-1".to_owned()),
        reply_to: Some("answers".to_owned()),
        ..Properties::default()
    };
    let foreign: Headers = [("x-tenant", "acme")].into_iter().collect();
    stage
        .publish_as("order.placed", properties, foreign, BODY.as_bytes())
        .await;

    let second = next_version(&stage, |app| app.retired("plain", ["order.placed"])).await;
    let orphans = orphans(&stage, 301).await;
    let ids: BTreeSet<&str> = orphans
        .iter()
        .filter_map(|it| it.properties.message_id.as_deref())
        .collect();
    assert_eq!(ids.len(), 301, "each is there once");
    let odd = orphans
        .iter()
        .find(|it| it.properties.message_id.as_deref() == Some("m-1"))
        .expect("the last one is there");
    assert_eq!(std::str::from_utf8(&odd.body).unwrap(), BODY);
    assert!(odd.properties.persistent);
    // Whoever sends it back finds what is needed for that.
    for (header, text) in [
        ("x-tenant", "acme"),
        ("tidings-original-exchange", &stage.exchange),
        ("tidings-original-routing-key", "order.placed"),
        ("tidings-original-reply-to", "answers"),
        ("tidings-queue", &stage.queue("plain")),
        ("tidings-service", &stage.service),
        ("tidings-handler", "plain"),
    ] {
        assert_eq!(odd.headers.text(header), Some(text), "{header}");
    }
    no_queue_takes(&stage, 302).await;
    second.shutdown().await.unwrap();
    assert!(
        stage.broker.messages(&stage.queue("plain")).await.is_empty(),
        "all was acknowledged"
    );
}

pub(crate) async fn a_retry_of_a_retired_queue_ends_in_the_orphans<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::new(async |_| Err(HandlerError::retry("not yet")));
    let first = start!(stage, hands, [slow_rungs]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    first.shutdown().await.unwrap();
    // It waits for its second attempt, or has come back for it by now.
    let _second = next_version(&stage, |app| app.retired("slow_rungs", ["order.placed"])).await;
    let orphan = orphans(&stage, 1).await.remove(0);
    assert_eq!(
        orphan.headers.text("tidings-queue"),
        Some(&*stage.queue("slow_rungs"))
    );
    assert_eq!(orphan.headers.text("tidings-error"), Some("not yet"));
    let attempt = orphan.headers.get("tidings-attempt");
    assert_eq!(attempt.and_then(tidings::HeaderValue::as_i64), Some(2));
}

pub(crate) async fn what_still_reaches_a_retired_queue_goes_to_the_orphans<F: Fixture>(stage: Stage<F>) {
    let (hands, _log) = Hands::idle();
    let first = start!(stage, hands, [plain]);
    first.shutdown().await.unwrap();
    let _second = next_version(&stage, |app| app.retired("plain", ["order.placed"])).await;
    no_queue_takes(&stage, 1).await;
    // An instance of the older version comes back, and binds the queue again.
    let third = start!(stage, hands, [plain]);
    third.shutdown().await.unwrap();
    // What the orphans cannot take is not lost either: their queue is gone, and is declared again.
    stage.broker.delete_queue(&stage.queue("orphans")).await;
    stage.bus.publish(&placed("a", 2)).await.unwrap();
    let orphan = orphans(&stage, 1).await.remove(0);
    let body: serde_json::Value = serde_json::from_slice(&orphan.body).unwrap();
    assert_eq!(body["data"]["number"], 2);
}

pub(crate) async fn a_retired_queue_that_is_gone_is_no_fault<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let bus = stage.another_bus().await;
    let app = stage
        .app()
        .state(hands)
        .handlers(tidings::handlers![pays])
        .retired("never_was", ["order.placed"])
        .start(bus)
        .await
        .unwrap();
    stage.bus.publish(&crate::cast::paid("a", 1)).await.unwrap();
    assert_eq!(log.next().await.number, 1);
    assert!(app.health().is_ready());
    app.shutdown().await.unwrap();
}

pub(crate) async fn a_retired_pattern_is_unbound_from_its_living_queue<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let first = start!(stage, hands, [elder::plain]);
    first.shutdown().await.unwrap();
    let _second = next_version(&stage, |app| {
        let handlers = tidings::handlers![plain];
        app.state(hands.clone())
            .handlers(handlers)
            .retired("plain", ["order.*"])
    })
    .await;
    // The older version's pattern took it, and it would come before the next one.
    stage
        .publish_raw(
            "order.else",
            r#"{"type":"order.placed","data":{"order":"a","number":1}}"#,
        )
        .await;
    stage.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    log.expect_nothing();
    assert!(stage.broker.messages(&stage.queue("orphans")).await.is_empty());
    stage.expect_no_dead_letters("plain").await;
}

pub(crate) async fn a_drain_outlives_a_lost_connection<F: Fixture>(stage: Stage<F>) {
    let (hands, _log) = Hands::idle();
    let first = start!(stage, hands, [plain]);
    first.shutdown().await.unwrap();
    for number in 1..=50 {
        stage.bus.publish(&placed("a", number)).await.unwrap();
    }
    let _second = next_version(&stage, |app| app.retired("plain", ["order.placed"])).await;
    stage.broker.cut_connections().await;
    // Someone puts one more straight into the queue.
    let queue = stage.queue("plain");
    let late = Properties {
        message_id: Some("late".to_owned()),
        ..Properties::default()
    };
    let put = stage
        .broker
        .publish("", &queue, late, Headers::new(), BODY.as_bytes());
    within("a publish from outside", put).await;
    // What was under way when the connection was lost may be there twice, and is there.
    let orphans = stage.queue("orphans");
    eventually("every message among the orphans", async || {
        let orphans = stage.broker.messages(&orphans).await;
        let ids: BTreeSet<_> = orphans
            .into_iter()
            .filter_map(|it| it.properties.message_id)
            .collect();
        (ids.len() == 51 && ids.contains("late")).then_some(())
    })
    .await;
}
