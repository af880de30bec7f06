//! The results of publishing.

use std::time::{Duration, Instant};

use tidings::error::PublishFault;
use tidings::{App, Error, PublishOptions};
use tidings_test_support::error_text;

use crate::broker::TestBroker;
use crate::handlers::{Recorder, Reply, Shipped, paid, placed, plain};
use crate::harness::{Harness, start};

fn publish_error(result: Result<String, Error>) -> tidings::error::PublishError {
    match result {
        Err(Error::Publish(error)) => error,
        other => panic!("not a publish error: {other:?}"),
    }
}

pub(crate) async fn an_app_without_handlers_publishes_until_it_is_shut_down<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::idle();
    let _consumer = start!(harness, recorder, [plain]);
    let app = App::new("publisher");
    app.declare(&harness.bus).await.unwrap();
    let publisher = app.start(&harness.bus).await.unwrap();
    let health = publisher.health();
    assert!(health.is_ready() && health.handlers.is_empty(), "{health:?}");
    assert!(publisher.describe().plan.queues.is_empty());
    publisher.bus().publish(&placed("a", 1)).await.unwrap();
    let source = log.next().await.delivery.metadata().source.clone();
    assert_eq!(source.as_deref(), Some("publisher"));
    publisher.shutdown().await.unwrap();
}

pub(crate) async fn an_unroutable_mandatory_event_is_an_error<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [plain]);
    let mandatory = || PublishOptions::new().mandatory();
    let error = publish_error(harness.bus.publish_with(&paid("a", 1), mandatory()).await);
    assert!(matches!(error.fault(), PublishFault::Unroutable), "{error:?}");
    assert!(!error.maybe_delivered());
    harness
        .bus
        .publish(&paid("a", 1))
        .await
        .expect("an unroutable event is not an error by default");
    harness
        .bus
        .publish_with(&placed("a", 2), mandatory())
        .await
        .unwrap();
    assert_eq!(log.next().await.number, 2);
}

pub(crate) async fn an_event_over_the_limits_is_an_error_and_never_sent<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [plain]);
    let small = harness.broker.bus(harness.settings().max_body_bytes(500)).await;
    let error = publish_error(small.publish(&placed(&"x".repeat(500), 1)).await);
    assert!(
        matches!(error.fault(), PublishFault::Unpublishable(_)),
        "{error:?}"
    );
    assert!(!error.maybe_delivered());
    let (order, region) = ("a".to_owned(), "eu.west".to_owned());
    let error = publish_error(harness.bus.publish(&Shipped { order, region }).await);
    assert!(
        error_text(&error).contains("region"),
        "the error names the field: {error:?}"
    );
    let reserved = PublishOptions::new().header("tidings-attempt", 3_i64);
    let error = publish_error(harness.bus.publish_with(&placed("a", 1), reserved).await);
    assert!(error_text(&error).contains("tidings-attempt"), "{error:?}");

    small.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    log.expect_nothing();
}

pub(crate) async fn publish_all_keeps_the_order_and_returns_a_result_for_each_event<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [crate::handlers::ordered]);
    let (order, region) = ("a".to_owned(), String::new());
    let mut events: Vec<Reply> = (1..=100)
        .map(|number| Reply::Placed(placed("a", number)))
        .collect();
    events.insert(50, Reply::Shipped(Shipped { order, region }));
    let results = harness.bus.publish_all(&events).await;
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

pub(crate) async fn publish_all_may_take_longer_than_the_timeout_of_one_event<B: TestBroker>(
    harness: Harness<B>,
) {
    let timeout = Duration::from_secs(1);
    let bus = harness
        .broker
        .bus(harness.settings().publish_timeout(timeout))
        .await;
    let event = placed("a", 1);
    let mut length = 30_000;
    loop {
        let started = Instant::now();
        let results = bus.publish_all(std::iter::repeat_n(&event, length)).await;
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 0);
        if started.elapsed() > 2 * timeout {
            return;
        }
        length *= 2;
    }
}

pub(crate) async fn an_event_without_a_cause_correlates_with_itself<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [plain]);
    let id = harness.bus.publish(&placed("a", 1)).await.unwrap();
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
