//! Lost connections and deleted queues.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use tidings::HandlerError;
use tidings::health::HandlerState;
use tokio::sync::Notify;

use crate::broker::TestBroker;
use crate::handlers::{Recorder, every, placed, plain};
use crate::harness::{Harness, start, until_health};
use tidings_test_support::wait::within;

pub(crate) async fn an_unordered_handler_finishes_after_a_lost_connection_and_its_event_is_redelivered<
    B: TestBroker,
>(
    harness: Harness<B>,
) {
    let (release, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (waiting, end) = (Arc::clone(&release), Arc::clone(&ended));
    let (recorder, mut log) = Recorder::new(move |seen| {
        let (waiting, end) = (Arc::clone(&waiting), Arc::clone(&end));
        async move {
            if !seen.delivery.redelivered() {
                waiting.notified().await;
                end.notify_one();
            }
            Ok(Vec::new())
        }
    });
    let _app = start!(harness, recorder, [plain]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    harness.broker.cut_connections().await;
    let again = log.next().await;
    assert_eq!(
        (again.number, again.attempt(), again.delivery.redelivered()),
        (1, 1, true)
    );
    release.notify_one();
    within("the end of the first attempt", ended.notified()).await;
}

pub(crate) async fn a_failure_after_a_lost_connection_publishes_no_second_copy<B: TestBroker>(
    harness: Harness<B>,
) {
    let release = Arc::new(Notify::new());
    let waiting = Arc::clone(&release);
    let (recorder, mut log) = Recorder::new(move |seen| {
        let waiting = Arc::clone(&waiting);
        async move {
            if seen.number == 1 && !seen.delivery.redelivered() {
                waiting.notified().await;
                return Err(HandlerError::reject("the delivery is lost"));
            }
            Ok(Vec::new())
        }
    });
    let app = start!(harness, recorder, [plain]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    harness.broker.cut_connections().await;
    assert!(log.next().await.delivery.redelivered());
    release.notify_one();
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    within("the shutdown", app.shutdown()).await.unwrap();
    harness.expect_no_dead_letters("plain").await;
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
    harness.broker.cut_connections().await;
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
