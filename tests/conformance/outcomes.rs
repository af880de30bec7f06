//! The outcome table, a test a row.

use std::future::pending;
use std::time::{Duration, Instant};

use tidings::{HandlerError, Timestamp};

use crate::cast::{
    Hands, Reply, Seen, Shipped, carrying, charging, elder, hasty, paid, pays, placed, plain, slow_rungs,
    tenanted, wild,
};
use crate::fixture::Fixture;
use crate::stage::{Stage, healthy, start};

pub(crate) async fn a_handler_that_returned_is_done_once_its_events_are_published<F: Fixture>(
    stage: Stage<F>,
) {
    let (hands, mut log) = Hands::new(async |seen| match seen.handler() {
        "plain" => Ok(vec![Reply::Paid(paid("a", 7))]),
        _ => Ok(Vec::new()),
    });
    let app = start!(stage, hands, [plain, pays]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    assert_eq!(log.next().await.handler(), "plain");
    let second = log.next().await;
    assert_eq!((second.handler(), second.number), ("pays", 7));
    healthy(&app, "both to be counted as handled", |health| {
        health.handlers.iter().all(|handler| handler.handled == 1)
    })
    .await;
}

pub(crate) async fn a_returned_event_that_can_never_be_published_dead_letters_its_cause<F: Fixture>(
    stage: Stage<F>,
) {
    let (hands, mut log) = Hands::new(async |_| {
        let (order, region) = ("a".to_owned(), "eu.west".to_owned());
        Ok(vec![
            Reply::Paid(paid("a", 9)),
            Reply::Shipped(Shipped { order, region }),
        ])
    });
    let idle = hands.with_script(async |_| Ok(Vec::new()));
    let _pays = start!(stage, idle, [pays]);
    let _app = start!(stage, hands, [plain]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    let letter = stage.dead_letter("plain").await;
    assert_eq!((letter.reason(), letter.attempts()), ("unpublishable", 1));
    assert!(letter.error().contains("region"), "{}", letter.error());
    // Nothing of what it returned was published: the cause is dead-lettered whole.
    stage.bus.publish(&paid("a", 2)).await.unwrap();
    assert_eq!(log.next().await.handler(), "plain");
    assert_eq!(log.next().await.number, 2);
}

pub(crate) async fn a_returned_event_that_is_too_large_dead_letters_its_cause<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::new(async |_| Ok(vec![Reply::Paid(paid(&"x".repeat(3_000), 9))]));
    let bus = stage.broker.bus(stage.settings().max_body_bytes(2_000)).await;
    let _app = stage
        .app()
        .state(hands)
        .handlers(tidings::handlers![plain])
        .start(bus)
        .await
        .unwrap();
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    let letter = stage.dead_letter("plain").await;
    assert_eq!((letter.reason(), letter.attempts()), ("unpublishable", 1));
}

/// An error with a cause.
fn gateway_down() -> HandlerError {
    HandlerError::retry(anyhow::anyhow!("connection refused").context("cannot reach the gateway"))
}

pub(crate) async fn an_error_climbs_the_rungs_and_is_dead_lettered_after_the_last_attempt<F: Fixture>(
    stage: Stage<F>,
) {
    let (hands, mut log) = Hands::new(async |_| Err(gateway_down()));
    let _app = start!(stage, hands, [slow_rungs]);
    let before = Timestamp::now();
    stage.bus.publish(&placed("a", 1)).await.unwrap();

    let mut began = Vec::new();
    let mut first_received = None;
    for attempt in 1..=3 {
        let seen = log.next().await;
        began.push(Instant::now());
        assert_eq!((seen.number, seen.attempt()), (1, attempt));
        assert_eq!(seen.delivery.routing_key(), "order.placed");
        assert_eq!(seen.delivery.exchange(), stage.exchange);
        let last_error = (attempt > 1).then_some("cannot reach the gateway\nconnection refused");
        assert_eq!(seen.delivery.last_error(), last_error);
        let first = seen.delivery.first_received_at();
        if attempt > 1 {
            assert_eq!(first_received, Some(first), "it is told on every attempt");
        }
        first_received = Some(first);
    }
    assert!(
        began[1] - began[0] >= Duration::from_millis(45),
        "the first rung is 50 ms"
    );
    assert!(
        began[2] - began[1] >= Duration::from_millis(240),
        "the second is 250 ms"
    );

    let letter = stage.dead_letter("slow_rungs").await;
    assert_eq!((letter.reason(), letter.attempts()), ("failed", 3));
    assert_eq!(letter.error(), "cannot reach the gateway\nconnection refused");
    assert_eq!(letter.text("tidings-handler"), "slow_rungs");
    assert_eq!(letter.text("tidings-service"), stage.service);
    assert_eq!(letter.text("tidings-queue"), stage.queue("slow_rungs"));
    assert_eq!(letter.text("tidings-original-exchange"), stage.exchange);
    assert_eq!(letter.text("tidings-original-routing-key"), "order.placed");
    let at: Timestamp = letter.text("tidings-dead-lettered-at").parse().unwrap();
    let received: Timestamp = letter.text("tidings-first-received-at").parse().unwrap();
    assert!(before <= received && received < at && at <= Timestamp::now());
    log.expect_nothing();
}

pub(crate) async fn a_handler_that_fails_twice_is_done_at_its_third_attempt<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::new(async |seen| match seen.attempt() {
        1 | 2 => Err(gateway_down()),
        _ => Ok(Vec::new()),
    });
    let app = start!(stage, hands, [plain]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    let attempts: Vec<u32> = log.take(3).await.iter().map(Seen::attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
    healthy(&app, "it to be counted", |health| {
        let plain = &health.handlers[0];
        (plain.handled, plain.retried, plain.dead_lettered) == (1, 2, 0)
    })
    .await;
    stage.expect_no_dead_letters("plain").await;
}

pub(crate) async fn a_panic_is_retried_and_then_dead_lettered_with_its_text<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::new(async |seen| match seen.number {
        1 => panic!("the cat is out"),
        _ => Ok(Vec::new()),
    });
    let _app = start!(stage, hands, [plain]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    log.take(3).await;
    let letter = stage.dead_letter("plain").await;
    assert_eq!((letter.reason(), letter.attempts()), ("failed", 3));
    assert!(letter.error().contains("the cat is out"), "{}", letter.error());
    stage.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2, "the handler goes on");
}

pub(crate) async fn a_handler_that_takes_too_long_is_retried_and_then_dead_lettered<F: Fixture>(
    stage: Stage<F>,
) {
    let (hands, mut log) = Hands::new(async |_| pending().await);
    let _app = start!(stage, hands, [hasty]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    log.take(2).await;
    let letter = stage.dead_letter("hasty").await;
    assert_eq!((letter.reason(), letter.attempts()), ("failed", 2));
    assert!(letter.error().contains("longer than 100ms"), "{}", letter.error());
}

pub(crate) async fn a_delay_that_was_asked_for_is_rounded_up_to_a_rung<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::new(async |seen| match seen.attempt() {
        1 => Err(HandlerError::retry_after(
            Duration::from_millis(60),
            "not before a while",
        )),
        _ => Ok(Vec::new()),
    });
    let _app = start!(stage, hands, [plain]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    let began = Instant::now();
    assert_eq!(log.next().await.attempt(), 2);
    assert!(
        began.elapsed() >= Duration::from_millis(240),
        "the next rung is 250 ms: {:?}",
        began.elapsed()
    );
}

pub(crate) async fn a_rejected_event_is_dead_lettered_at_once<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::new(async |seen| match seen.number {
        1 => Err(HandlerError::reject("card declined")),
        _ => Ok(Vec::new()),
    });
    let _app = start!(stage, hands, [plain]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    let letter = stage.dead_letter("plain").await;
    assert_eq!((letter.reason(), letter.attempts()), ("rejected", 1));
    assert_eq!(letter.error(), "card declined");
    stage.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.numbers(2).await, [1, 2]);
}

pub(crate) async fn an_error_that_is_rejected_on_is_found_in_the_whole_chain<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [charging]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    let letter = stage.dead_letter("charging").await;
    assert_eq!((letter.reason(), letter.attempts()), ("rejected", 1));
    assert_eq!(letter.error(), "cannot charge\nthe gateway said no\nno funds");
    log.next().await;
    log.expect_nothing();
}

pub(crate) async fn a_rejection_carried_under_another_error_is_found<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [carrying]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    let letter = stage.dead_letter("carrying").await;
    assert_eq!((letter.reason(), letter.attempts()), ("rejected", 1));
    assert_eq!(letter.error(), "cannot charge\ncard declined");
    log.next().await;
    log.expect_nothing();
}

pub(crate) async fn an_extractor_rejects_at_once_unless_it_says_retry<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [tenanted]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    let letter = stage.dead_letter("tenanted").await;
    assert_eq!((letter.reason(), letter.attempts()), ("rejected", 1));
    assert_eq!(letter.error(), "the header `tenant` is missing");

    let later = tidings::PublishOptions::new().header("tenant", "later");
    stage.bus.publish_with(&placed("a", 2), later).await.unwrap();
    let seen = log.next().await;
    assert_eq!((seen.number, seen.attempt()), (2, 2));
    assert_eq!(seen.delivery.last_error(), Some("the tenant is not there yet"));
}

pub(crate) async fn a_body_that_is_no_event_is_dead_lettered_at_once<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [plain]);
    let bodies = [
        "",
        "{",
        "[1]",
        "\"text\"",
        r#"{"type":"order.placed","data":{"order":"a","number":"many"}}"#,
    ];
    for body in bodies {
        stage.publish_raw("order.placed", body).await;
    }
    let letters = stage.dead_letters("plain", bodies.len()).await;
    for letter in &letters {
        assert_eq!(
            (letter.reason(), letter.attempts()),
            ("malformed", 1),
            "{}",
            letter.body()
        );
    }
    let mut found: Vec<&str> = letters.iter().map(super::stage::Dead::body).collect();
    let mut sent = bodies;
    found.sort_unstable();
    sent.sort_unstable();
    assert_eq!(found, sent, "the bodies are kept as they came");
    let shape = letters
        .iter()
        .find(|letter| letter.body().contains("many"))
        .unwrap();
    assert!(
        shape.error().contains("data.number"),
        "it says where: {}",
        shape.error()
    );
    log.expect_nothing();
}

pub(crate) async fn a_body_that_is_too_large_is_dead_lettered_at_once<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let bus = stage.broker.bus(stage.settings().max_body_bytes(1_000)).await;
    let _app = stage
        .app()
        .state(hands)
        .handlers(tidings::handlers![plain])
        .start(bus)
        .await
        .unwrap();
    stage.bus.publish(&placed(&"x".repeat(1_000), 1)).await.unwrap();
    let letter = stage.dead_letter("plain").await;
    assert_eq!((letter.reason(), letter.attempts()), ("malformed", 1));
    stage.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
}

pub(crate) async fn a_type_that_only_a_wildcard_caught_is_ignored<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let app = start!(stage, hands, [wild]);
    stage.bus.publish(&paid("a", 1)).await.unwrap();
    // What no handler declares disturbs none, even when it is broken.
    stage
        .publish_raw("order.other", r#"{"type":"order.other","data":"#)
        .await;
    stage.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    healthy(&app, "both to be counted as ignored", |health| {
        health.handlers[0].ignored == 2
    })
    .await;
    log.expect_nothing();
    stage.expect_no_dead_letters("wild").await;
}

pub(crate) async fn a_key_that_another_version_bound_climbs_the_ladder_and_is_then_not_ours<F: Fixture>(
    stage: Stage<F>,
) {
    let (hands, mut log) = Hands::idle();
    let elder = start!(stage, hands, [elder::plain]);
    elder.shutdown().await.unwrap();
    let _app = start!(stage, hands, [plain]);
    stage
        .publish_raw(
            "order.old",
            r#"{"type":"order.placed","data":{"order":"a","number":1}}"#,
        )
        .await;
    let letter = stage.dead_letter("plain").await;
    assert_eq!((letter.reason(), letter.attempts()), ("not-ours", 3));
    assert_eq!(letter.text("tidings-original-routing-key"), "order.old");
    log.expect_nothing();
}

pub(crate) async fn a_declared_events_key_with_another_type_in_it_is_dead_lettered<F: Fixture>(
    stage: Stage<F>,
) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [plain]);
    stage
        .publish_raw(
            "order.placed",
            r#"{"type":"order.mislabelled","data":{"order":"a","number":1}}"#,
        )
        .await;
    let letter = stage.dead_letter("plain").await;
    assert_eq!((letter.reason(), letter.attempts()), ("wrong-type", 1));
    assert!(letter.error().contains("order.mislabelled"), "{}", letter.error());
    log.expect_nothing();
}

pub(crate) async fn an_events_own_headers_reach_its_handler<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let _app = start!(stage, hands, [plain]);
    let options = tidings::PublishOptions::new()
        .header("tenant", "acme")
        .id("an-id-of-mine");
    let id = stage.bus.publish_with(&placed("a", 1), options).await.unwrap();
    assert_eq!(id, "an-id-of-mine");
    let seen = log.next().await;
    assert_eq!(seen.delivery.id(), "an-id-of-mine");
    assert_eq!(seen.delivery.headers().text("tenant"), Some("acme"));
    assert_eq!(seen.delivery.properties().message_id.as_deref(), Some(&*id));
}
