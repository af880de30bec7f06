//! Ephemeral handlers: one queue for each instance, retries in place, no dead letters.

use tidings::HandlerError;

use crate::broker::TestBroker;
use crate::handlers::{Recorder, every, placed};
use crate::harness::{Harness, start, until_health};

pub(crate) async fn every_instance_receives_every_event<B: TestBroker>(harness: Harness<B>) {
    let (one, mut one_log) = Recorder::idle();
    let (two, mut two_log) = Recorder::idle();
    let _one = start!(harness, one, [every]);
    let two_app = start!(harness, two, [every]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    assert_eq!(one_log.next().await.number, 1);
    assert_eq!(two_log.next().await.number, 1);
    two_app.shutdown().await.unwrap();
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(one_log.next().await.number, 2);
    one_log.expect_nothing();
    two_log.expect_nothing();
}

pub(crate) async fn retries_wait_in_place_and_dead_letters_are_counted<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::new(async |seen| match seen.number {
        1 => Err(HandlerError::reject("never")),
        2 if seen.attempt() == 1 => Err(HandlerError::retry("not yet")),
        _ => Ok(Vec::new()),
    });
    let app = start!(harness, recorder, [every]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    assert_eq!(log.next().await.number, 1);
    until_health(&app, "the dead letter to be counted", |health| {
        health.handlers[0].dead_lettered == 1
    })
    .await;
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    let seen = log.take(2).await;
    assert!(seen.iter().all(|seen| seen.number == 2));
    assert_eq!((seen[0].attempt(), seen[1].attempt()), (1, 2));
    assert_eq!(seen[1].delivery.last_error(), Some("not yet"));
    harness.expect_no_dead_letters("every").await;
}
