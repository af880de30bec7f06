//! Events that a handler returns or publishes.

use tidings::{Headers, Properties, PublishOptions};

use crate::broker::TestBroker;
use crate::handlers::{Recorder, Reply, paid, pays, placed, plain};
use crate::harness::{Harness, start};

pub(crate) async fn a_handler_that_runs_twice_returns_events_with_the_same_ids<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::new(async |seen| match seen.handler() {
        "plain" => Ok(vec![Reply::Paid(paid("a", 1)), Reply::Paid(paid("a", 2))]),
        _ => Ok(Vec::new()),
    });
    let _plain = start!(harness, recorder, [plain, pays]);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let same = PublishOptions::new().id("one-and-the-same");
        harness.bus.publish_with(&placed("a", 1), same).await.unwrap();
        let mut seen = log.take(3).await;
        seen.retain(|seen| seen.handler() == "pays");
        seen.sort_by_key(|seen| seen.number);
        ids.push(
            seen.iter()
                .map(|seen| seen.delivery.id().to_owned())
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(ids[0].len(), 2);
    assert_ne!(ids[0][0], ids[0][1]);
    assert_eq!(ids[0], ids[1]);
}

pub(crate) async fn two_causes_with_one_id_and_two_sources_return_events_with_two_ids<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::new(async |seen| match seen.handler() {
        "plain" => Ok(vec![Reply::Paid(paid("a", 1))]),
        _ => Ok(Vec::new()),
    });
    let _app = start!(harness, recorder, [plain, pays]);
    for source in ["orders", "shop"] {
        let body = format!(r#"{{"id":"42","source":"{source}","data":{{"order":"a","number":1}}}}"#);
        harness.publish_raw("order.placed", &body).await;
        let headers = [
            ("ce-specversion", "1.0"),
            ("ce-id", "42"),
            ("ce-type", "order.placed"),
            ("ce-source", &format!("/cloud/{source}")),
        ];
        let body = br#"{"order":"a","number":1}"#;
        harness
            .publish_as(
                "order.placed",
                Properties::default(),
                Headers::from_iter(headers),
                body,
            )
            .await;
    }
    let mut ids: Vec<String> = log
        .take(8)
        .await
        .iter()
        .filter(|seen| seen.handler() == "pays")
        .map(|seen| seen.delivery.id().to_owned())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

pub(crate) async fn a_returned_event_names_its_cause_and_keeps_the_correlation<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::new(async |seen| match seen.handler() {
        "plain" => Ok(vec![Reply::Paid(paid("a", 1))]),
        _ => Ok(Vec::new()),
    });
    let _app = start!(harness, recorder, [plain, pays]);
    let body = r#"{"id":"e-1","type":"order.placed","correlationId":"c-1","data":{"order":"a","number":1}}"#;
    harness.publish_raw("order.placed", body).await;
    let cause = log.next().await;
    assert_eq!(
        (cause.delivery.id(), cause.delivery.correlation_id()),
        ("e-1", "c-1")
    );
    let effect = log.next().await;
    assert_eq!(effect.delivery.correlation_id(), "c-1");
    assert_eq!(effect.delivery.causation_id(), Some("e-1"));
    assert_eq!(
        effect.delivery.metadata().source.as_deref(),
        Some(&*harness.service)
    );
    assert_eq!(
        effect.delivery.properties().app_id.as_deref(),
        Some(&*harness.service)
    );
}

pub(crate) async fn a_publish_inside_a_handler_inherits_cause_and_correlation<B: TestBroker>(
    harness: Harness<B>,
) {
    let bus = harness.bus.clone();
    let (recorder, mut log) = Recorder::new(move |seen| {
        let bus = bus.clone();
        async move {
            if seen.handler() == "plain" {
                bus.publish(&paid("a", 1)).await?;
            }
            Ok(Vec::new())
        }
    });
    let _app = start!(harness, recorder, [plain, pays]);
    let body = r#"{"id":"e-1","type":"order.placed","correlationId":"c-1","data":{"order":"a","number":1}}"#;
    harness.publish_raw("order.placed", body).await;
    log.next().await;
    let effect = log.next().await;
    assert_eq!(effect.delivery.correlation_id(), "c-1");
    assert_eq!(effect.delivery.causation_id(), Some("e-1"));
}

pub(crate) async fn failed_attempts_publish_no_returned_events<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::new(async |seen| match (seen.handler(), seen.attempt()) {
        ("plain", 1 | 2) => Err(tidings::HandlerError::retry("not yet")),
        ("plain", _) => Ok(vec![Reply::Paid(paid("a", 1))]),
        _ => Ok(Vec::new()),
    });
    let _app = start!(harness, recorder, [plain, pays]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    let handlers: Vec<String> = log
        .take(4)
        .await
        .iter()
        .map(|seen| seen.handler().to_owned())
        .collect();
    assert_eq!(handlers, ["plain", "plain", "plain", "pays"]);
    harness.bus.publish(&paid("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    log.expect_nothing();
}
