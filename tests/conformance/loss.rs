//! Lost connections and deleted queues.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use tidings::HandlerError;
use tidings::health::HandlerState;
use tokio::sync::Notify;

use crate::broker::TestBroker;
use crate::handlers::{HandlerResult, Log, Recorder, every, placed, plain};
use crate::harness::{Harness, start, until_health};
use tidings_test_support::wait::within;

pub(crate) async fn a_run_that_completes_after_a_lost_connection_is_not_repeated<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log, release) = waiting_for_the_first(|| Ok(Vec::new()));
    let app = start!(harness, recorder, [plain]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    harness.broker.cut_connections().await;
    // The redelivery comes before the second event, and waits for the run.
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    release.notify_one();
    until_health(&app, "both events to be handled", |health| {
        health.handlers[0].handled == 2
    })
    .await;
    within("the shutdown", app.shutdown()).await.unwrap();
    log.expect_nothing();
    assert!(harness.broker.messages(&harness.queue("plain")).await.is_empty());
}

pub(crate) async fn a_failure_after_a_lost_connection_is_settled_once<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log, release) =
        waiting_for_the_first(|| Err(HandlerError::retry("the delivery is lost")));
    let app = start!(harness, recorder, [plain]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    harness.broker.cut_connections().await;
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    release.notify_one();
    let again = log.next().await;
    assert_eq!((again.number, again.attempt()), (1, 2));
    until_health(&app, "both events to be handled", |health| {
        health.handlers[0].handled == 2
    })
    .await;
    within("the shutdown", app.shutdown()).await.unwrap();
    log.expect_nothing();
}

/// A script that waits for a signal in the first attempt of the first event, and ends it with `end`.
fn waiting_for_the_first(end: fn() -> HandlerResult) -> (Recorder, Log, Arc<Notify>) {
    let release = Arc::new(Notify::new());
    let waiting = Arc::clone(&release);
    let (recorder, log) = Recorder::new(move |seen| {
        let waiting = Arc::clone(&waiting);
        async move {
            if (seen.number, seen.attempt()) != (1, 1) {
                return Ok(Vec::new());
            }
            waiting.notified().await;
            end()
        }
    });
    (recorder, log, release)
}

pub(crate) async fn events_published_while_the_connection_is_lost_arrive<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [plain]);
    let events: Vec<_> = (1..=200).map(|number| placed("a", number)).collect();
    let publishing = tokio::spawn({
        let bus = harness.bus.clone();
        async move { bus.publish_all(&events).await }
    });
    harness.broker.cut_connections().await;
    for result in within("every confirm", publishing).await.unwrap() {
        result.unwrap();
    }
    // Some events may arrive twice.
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 200 {
        seen.insert(log.next().await.number);
    }
}

pub(crate) async fn a_queue_deleted_in_use_is_declared_and_consumed_again<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::idle();
    let app = start!(harness, recorder, [plain]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    harness.broker.delete_queue(&harness.queue("plain")).await;
    until_health(&app, "the health to fail", |health| !health.is_ready()).await;
    until_health(&app, "the handler to run again", |health| {
        health.is_ready() && health.handlers[0].state == HandlerState::Running
    })
    .await;
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
}

pub(crate) async fn an_ephemeral_handler_subscribes_again_after_a_lost_connection<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [every]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    harness.broker.cut_connections().await;
    // An event that is published before the handler has subscribed again is missed, so publish until one arrives.
    let seen = within("an event after the loss", async {
        let mut number = 1;
        loop {
            number += 1;
            harness.bus.publish(&placed("a", number)).await.unwrap();
            tokio::task::yield_now().await;
            if let Some(seen) = log.try_next() {
                return seen;
            }
        }
    })
    .await;
    assert!(seen.number > 1 || seen.delivery.redelivered());
}

pub(crate) async fn redelivered_events_that_fail_together_do_not_open_the_breaker<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) =
        Recorder::new(async |seen| match (seen.attempt(), seen.delivery.redelivered()) {
            (1, false) => pending().await,
            (1, true) => Err(HandlerError::retry("not at first")),
            _ => Ok(Vec::new()),
        });
    let app = start!(harness, recorder, [plain]);
    let events: Vec<_> = (1..=60).map(|number| placed("a", number)).collect();
    for published in harness.bus.publish_all(&events).await {
        published.unwrap();
    }
    log.take(events.len()).await;
    drop(app);
    let app = start!(harness, recorder, [plain]);
    until_health(&app, "every event to be handled", |health| {
        health.handlers[0].handled == 60
    })
    .await;
    // While a breaker is open, attempts do not count, so an attempt number would repeat.
    let mut attempts = BTreeMap::<_, u32>::new();
    while let Some(seen) = log.try_next() {
        *attempts.entry((seen.number, seen.attempt())).or_default() += 1;
    }
    let twice: Vec<_> = attempts.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "(number, attempt): {twice:?}");
}
