//! What a handler publishes, by returning it or by itself.

use tidings::PublishOptions;

use crate::cast::{Hands, Reply, paid, pays, placed, plain};
use crate::fixture::Fixture;
use crate::stage::{Stage, start};

pub(crate) async fn a_handler_that_runs_twice_publishes_the_same_facts_twice<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::new(async |seen| match seen.handler() {
        "plain" => Ok(vec![Reply::Paid(paid("a", 1)), Reply::Paid(paid("a", 2))]),
        _ => Ok(Vec::new()),
    });
    let _plain = start!(stage, hands, [plain, pays]);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let same = PublishOptions::new().id("one-and-the-same");
        stage.bus.publish_with(&placed("a", 1), same).await.unwrap();
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

pub(crate) async fn a_returned_event_names_its_cause_and_keeps_the_correlation<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::new(async |seen| match seen.handler() {
        "plain" => Ok(vec![Reply::Paid(paid("a", 1))]),
        _ => Ok(Vec::new()),
    });
    let _app = start!(stage, hands, [plain, pays]);
    let body = r#"{"id":"e-1","type":"order.placed","correlationId":"c-1","data":{"order":"a","number":1}}"#;
    stage.publish_raw("order.placed", body).await;
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
        Some(&*stage.service)
    );
    assert_eq!(
        effect.delivery.properties().app_id.as_deref(),
        Some(&*stage.service)
    );
}

pub(crate) async fn a_publish_deep_in_a_handler_inherits_cause_and_correlation<F: Fixture>(stage: Stage<F>) {
    let bus = stage.bus.clone();
    let (hands, mut log) = Hands::new(move |seen| {
        let bus = bus.clone();
        async move {
            if seen.handler() == "plain" {
                bus.publish(&paid("a", 1)).await?;
            }
            Ok(Vec::new())
        }
    });
    let _app = start!(stage, hands, [plain, pays]);
    let body = r#"{"id":"e-1","type":"order.placed","correlationId":"c-1","data":{"order":"a","number":1}}"#;
    stage.publish_raw("order.placed", body).await;
    log.next().await;
    let effect = log.next().await;
    assert_eq!(effect.delivery.correlation_id(), "c-1");
    assert_eq!(effect.delivery.causation_id(), Some("e-1"));
}

pub(crate) async fn events_are_returned_once_however_often_the_handler_failed_before<F: Fixture>(
    stage: Stage<F>,
) {
    let (hands, mut log) = Hands::new(async |seen| match (seen.handler(), seen.attempt()) {
        ("plain", 1 | 2) => Err(tidings::HandlerError::retry("not yet")),
        ("plain", _) => Ok(vec![Reply::Paid(paid("a", 1))]),
        _ => Ok(Vec::new()),
    });
    let _app = start!(stage, hands, [plain, pays]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    let handlers: Vec<String> = log
        .take(4)
        .await
        .iter()
        .map(|seen| seen.handler().to_owned())
        .collect();
    assert_eq!(handlers, ["plain", "plain", "plain", "pays"]);
    stage.bus.publish(&paid("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    log.expect_nothing();
}
