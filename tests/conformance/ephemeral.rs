//! Ephemeral handlers: a queue an instance, retries in place, no dead letters.

use tidings::HandlerError;

use crate::cast::{Hands, every, placed};
use crate::fixture::Fixture;
use crate::stage::{Stage, healthy, start};

pub(crate) async fn every_instance_gets_every_event<F: Fixture>(stage: Stage<F>) {
    let (one, mut one_log) = Hands::idle();
    let (two, mut two_log) = Hands::idle();
    let _one = start!(stage, one, [every]);
    let two_app = start!(stage, two, [every]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    assert_eq!(one_log.next().await.number, 1);
    assert_eq!(two_log.next().await.number, 1);
    two_app.shutdown().await.unwrap();
    stage.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(one_log.next().await.number, 2);
    one_log.expect_nothing();
    two_log.expect_nothing();
}

pub(crate) async fn retries_wait_in_place_and_what_is_given_up_on_is_counted<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::new(async |seen| match seen.number {
        1 => Err(HandlerError::reject("never")),
        2 if seen.attempt() == 1 => Err(HandlerError::retry("not yet")),
        _ => Ok(Vec::new()),
    });
    let app = start!(stage, hands, [every]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    assert_eq!(log.next().await.number, 1);
    healthy(&app, "the failure to be counted", |health| {
        health.handlers[0].dead_lettered == 1
    })
    .await;
    stage.bus.publish(&placed("a", 2)).await.unwrap();
    let seen = log.take(2).await;
    assert!(seen.iter().all(|seen| seen.number == 2));
    assert_eq!((seen[0].attempt(), seen[1].attempt()), (1, 2));
    assert_eq!(seen[1].delivery.last_error(), Some("not yet"));
    stage.expect_no_dead_letters("every").await;
}
