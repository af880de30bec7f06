//! A shutdown finishes running events and returns the others to the queue.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tidings::Error;

use crate::broker::TestBroker;
use crate::handlers::{Recorder, awaiting_shutdown, one_at_a_time, ordered, placed, plain, three_at_a_time};
use crate::harness::{Harness, start};
use tidings_test_support::wait::within;

pub(crate) async fn a_shutdown_finishes_running_events_and_requeues_the_rest<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log, permits) = Recorder::waiting();
    let (others, mut other_log) = Recorder::idle();
    let app = Arc::new(start!(harness, recorder, [one_at_a_time]));
    for number in 1..=4 {
        harness.bus.publish(&placed("a", number)).await.unwrap();
    }
    assert_eq!(log.next().await.number, 1);
    let shutdown = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.shutdown().await }
    });
    // Another instance receives the rest while the first one still runs.
    let _other = start!(harness, others, [one_at_a_time]);
    assert_eq!(other_log.numbers(3).await, [2, 3, 4]);
    assert!(!shutdown.is_finished());
    permits.add_permits(1);
    within("the shutdown", shutdown).await.unwrap().unwrap();

    harness.bus.publish(&placed("a", 5)).await.unwrap();
    assert_eq!(other_log.next().await.number, 5, "finished events are acked");
    log.expect_nothing();
    app.shutdown().await.expect("a second shutdown does nothing");
}

pub(crate) async fn a_shutdown_of_an_ordered_handler_requeues_only_after_the_running_event<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log, permits) = Recorder::waiting();
    let (others, mut other_log) = Recorder::idle();
    let app = Arc::new(start!(harness, recorder, [ordered]));
    for number in 1..=3 {
        harness.bus.publish(&placed("a", number)).await.unwrap();
    }
    assert_eq!(log.next().await.number, 1);
    let shutdown = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.shutdown().await }
    });
    let _other = start!(harness, others, [ordered]);
    // Events of other aggregates show that the other instance works. It must not receive an event of `a` yet.
    harness.bus.publish(&placed("b", 9)).await.unwrap();
    harness.bus.publish(&placed("c", 9)).await.unwrap();
    other_log.expect_nothing_of("a");
    permits.add_permits(1);
    within("the shutdown", shutdown).await.unwrap().unwrap();
    let mut of_a = Vec::new();
    let mut others = 0;
    while of_a.len() < 2 || others < 2 {
        let seen = other_log.next().await;
        if seen.order == "a" {
            of_a.push(seen.number);
        } else {
            others += 1;
        }
    }
    assert_eq!(of_a, [2, 3]);
    log.expect_nothing();
}

pub(crate) async fn a_shutdown_past_its_deadline_names_unfinished_handlers_and_requeues_their_events<
    B: TestBroker,
>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::new(async |seen| match seen.handler() {
        "three_at_a_time" => pending().await,
        _ => Ok(Vec::new()),
    });
    let bus = harness.another_bus().await;
    let app = harness
        .app()
        .shutdown_timeout(Duration::from_millis(100))
        .state(recorder.clone())
        .handlers(tidings::handlers![plain, three_at_a_time])
        .start(bus)
        .await
        .unwrap();
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    log.take(2).await;
    let Err(Error::Shutdown(error)) = within("the shutdown", app.shutdown()).await else {
        panic!("the shutdown must fail");
    };
    assert_eq!(
        error.unfinished(),
        [format!("`{}`", harness.queue("three_at_a_time"))]
    );

    let _other = start!(
        harness,
        recorder.with_script(async |_| Ok(Vec::new())),
        [three_at_a_time]
    );
    let again = log.next().await;
    assert_eq!(
        (again.handler(), again.number, again.attempt()),
        ("three_at_a_time", 1, 1)
    );
    assert!(again.delivery.redelivered());
}

pub(crate) async fn a_handler_is_notified_of_the_shutdown<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let app = start!(harness, recorder, [awaiting_shutdown]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    log.expect_nothing();
    within("the shutdown", app.shutdown()).await.unwrap();
    assert_eq!(
        log.next().await.number,
        1,
        "the handler continued after the notification"
    );
}

pub(crate) async fn an_abort_requeues_everything_at_once<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::new(async |_| pending().await);
    let app = start!(harness, recorder, [one_at_a_time]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    log.next().await;
    let Err(Error::Shutdown(error)) = app.abort() else {
        panic!("the abort must fail");
    };
    assert_eq!(
        error.unfinished(),
        [format!("`{}`", harness.queue("one_at_a_time"))]
    );
    let _other = start!(
        harness,
        recorder.with_script(async |_| Ok(Vec::new())),
        [one_at_a_time]
    );
    assert_eq!(log.numbers(2).await, [1, 2]);
}
