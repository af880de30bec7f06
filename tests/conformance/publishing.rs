//! What a publisher is told.

use tidings::error::PublishFault;
use tidings::{Error, PublishOptions};

use crate::cast::{Hands, Reply, Shipped, paid, placed, plain};
use crate::fixture::Fixture;
use crate::stage::{Stage, start};

fn fault(result: Result<String, Error>) -> tidings::error::PublishError {
    match result {
        Err(Error::Publish(error)) => error,
        other => panic!("not a publish error: {other:?}"),
    }
}

pub(crate) async fn a_mandatory_event_that_no_queue_takes_is_an_error<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [plain]);
    let mandatory = || PublishOptions::new().mandatory();
    let error = fault(stage.bus.publish_with(&paid("a", 1), mandatory()).await);
    assert!(matches!(error.fault(), PublishFault::Unroutable), "{error:?}");
    assert!(!error.maybe_delivered());
    stage
        .bus
        .publish(&paid("a", 1))
        .await
        .expect("without it, none is told");
    stage
        .bus
        .publish_with(&placed("a", 2), mandatory())
        .await
        .unwrap();
    assert_eq!(log.next().await.number, 2);
}

pub(crate) async fn an_event_over_the_limits_is_an_error_and_never_sent<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [plain]);
    let small = stage.broker.bus(stage.settings().max_body_bytes(500)).await;
    let error = fault(small.publish(&placed(&"x".repeat(500), 1)).await);
    assert!(
        matches!(error.fault(), PublishFault::Unpublishable(_)),
        "{error:?}"
    );
    assert!(!error.maybe_delivered());
    let (order, region) = ("a".to_owned(), "eu.west".to_owned());
    let error = fault(stage.bus.publish(&Shipped { order, region }).await);
    assert!(
        error_text(&error).contains("region"),
        "it names the field: {error:?}"
    );
    let reserved = PublishOptions::new().header("tidings-attempt", 3_i64);
    let error = fault(stage.bus.publish_with(&placed("a", 1), reserved).await);
    assert!(error_text(&error).contains("tidings-attempt"), "{error:?}");

    small.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    log.expect_nothing();
}

fn error_text(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

pub(crate) async fn several_events_go_in_order_and_each_has_its_result<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [crate::cast::ordered]);
    let (order, region) = ("a".to_owned(), String::new());
    let mut events: Vec<Reply> = (1..=100)
        .map(|number| Reply::Placed(placed("a", number)))
        .collect();
    events.insert(50, Reply::Shipped(Shipped { order, region }));
    let results = stage.bus.publish_all(&events).await;
    assert_eq!(results.len(), 101);
    for (at, result) in results.iter().enumerate() {
        assert_eq!(result.is_err(), at == 50, "{at}: {result:?}");
    }
    let ids: Vec<&String> = results.iter().flatten().collect();
    for (at, id) in ids.into_iter().enumerate() {
        let seen = log.next().await;
        assert_eq!(seen.number as usize, at + 1);
        assert_eq!(seen.delivery.id(), id);
    }
}

pub(crate) async fn an_event_of_no_cause_is_its_own_correlation<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [plain]);
    let id = stage.bus.publish(&placed("a", 1)).await.unwrap();
    let seen = log.next().await;
    let delivery = &seen.delivery;
    assert_eq!((delivery.id(), delivery.correlation_id()), (&*id, &*id));
    assert_eq!(delivery.causation_id(), None);
    assert_eq!(
        (delivery.event_type(), delivery.version(), delivery.aggregate_id()),
        ("order.placed", 1, "a")
    );
    assert!(delivery.properties().persistent);
    assert_eq!(
        delivery.properties().content_type.as_deref(),
        Some("application/json")
    );
    assert_eq!(delivery.properties().kind.as_deref(), Some("order.placed"));
}
