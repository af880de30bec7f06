//! A broker that goes away under a running app, and a queue that does.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use tidings::HandlerError;
use tidings::health::HandlerState;
use tokio::sync::Notify;

use crate::cast::{Hands, every, placed, plain};
use crate::fixture::Fixture;
use crate::stage::{Stage, healthy, start, within};

pub(crate) async fn an_unordered_handler_runs_to_its_end_and_its_event_comes_again<F: Fixture>(
    stage: Stage<F>,
) {
    let (release, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (waits, tells) = (Arc::clone(&release), Arc::clone(&ended));
    let (hands, mut log) = Hands::new(move |seen| {
        let (waits, tells) = (Arc::clone(&waits), Arc::clone(&tells));
        async move {
            if !seen.delivery.redelivered() {
                waits.notified().await;
                tells.notify_one();
            }
            Ok(Vec::new())
        }
    });
    let _app = start!(stage, hands, [plain]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    stage.broker.cut_connections().await;
    let again = log.next().await;
    assert_eq!(
        (again.number, again.attempt(), again.delivery.redelivered()),
        (1, 1, true)
    );
    release.notify_one();
    within("the first to end", ended.notified()).await;
}

pub(crate) async fn an_attempt_that_fails_after_the_connection_was_lost_leaves_no_second_copy<F: Fixture>(
    stage: Stage<F>,
) {
    let release = Arc::new(Notify::new());
    let waits = Arc::clone(&release);
    let (hands, mut log) = Hands::new(move |seen| {
        let waits = Arc::clone(&waits);
        async move {
            if seen.number == 1 && !seen.delivery.redelivered() {
                waits.notified().await;
                return Err(HandlerError::reject("it is no one's any more"));
            }
            Ok(Vec::new())
        }
    });
    let app = start!(stage, hands, [plain]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    stage.broker.cut_connections().await;
    assert!(log.next().await.delivery.redelivered());
    release.notify_one();
    stage.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    within("the shutdown", app.shutdown()).await.unwrap();
    stage.expect_no_dead_letters("plain").await;
}

pub(crate) async fn events_published_while_the_connection_is_lost_arrive<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [plain]);
    let events: Vec<_> = (1..=200).map(|number| placed("a", number)).collect();
    let publishing = tokio::spawn({
        let bus = stage.bus.clone();
        async move { bus.publish_all(&events).await }
    });
    stage.broker.cut_connections().await;
    for result in within("every confirm", publishing).await.unwrap() {
        result.unwrap();
    }
    // At least once: some may come twice.
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 200 {
        seen.insert(log.next().await.number);
    }
}

pub(crate) async fn a_queue_that_is_deleted_in_use_is_declared_and_taken_from_again<F: Fixture>(
    stage: Stage<F>,
) {
    let (hands, mut log) = Hands::idle();
    let app = start!(stage, hands, [plain]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    stage.broker.delete_queue(&stage.queue("plain")).await;
    healthy(&app, "the health to fail", |health| !health.is_ready()).await;
    healthy(&app, "the handler to run again", |health| {
        health.is_ready() && health.handlers[0].state == HandlerState::Running
    })
    .await;
    stage.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
}

pub(crate) async fn an_ephemeral_handler_subscribes_again_after_a_loss<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [every]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    stage.broker.cut_connections().await;
    // What is published before it has subscribed again is missed: so again and again, until one arrives.
    let seen = within("an event after the loss", async {
        let mut number = 1;
        loop {
            number += 1;
            stage.bus.publish(&placed("a", number)).await.unwrap();
            tokio::task::yield_now().await;
            if let Some(seen) = log.try_next() {
                return seen;
            }
        }
    })
    .await;
    assert!(seen.number > 1 || seen.delivery.redelivered());
}

pub(crate) async fn events_that_fail_as_they_come_back_together_open_no_breaker<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::new(async |seen| match (seen.attempt(), seen.delivery.redelivered()) {
        (1, false) => pending().await,
        (1, true) => Err(HandlerError::retry("it falters")),
        _ => Ok(Vec::new()),
    });
    let app = start!(stage, hands, [plain]);
    let events: Vec<_> = (1..=60).map(|number| placed("a", number)).collect();
    for published in stage.bus.publish_all(&events).await {
        published.unwrap();
    }
    log.take(events.len()).await;
    stage.broker.cut_connections().await;
    healthy(&app, "all to be handled", |health| {
        health.handlers[0].handled == 60
    })
    .await;
    // While a breaker is open no attempt counts, so that the same one comes a second time.
    let mut attempts = BTreeMap::<_, u32>::new();
    while let Some(seen) = log.try_next() {
        *attempts.entry((seen.number, seen.attempt())).or_default() += 1;
    }
    let twice: Vec<_> = attempts.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "(number, attempt): {twice:?}");
}
