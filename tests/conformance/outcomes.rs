//! The outcomes of attempts.

use std::future::pending;
use std::time::{Duration, Instant};

use tidings::{HandlerError, Timestamp};

use crate::broker::TestBroker;
use crate::handlers::{
    Attempt, Recorder, Reply, Shipped, charging, older_version, paid, pays, placed, plain, short_timeout,
    slow_rungs, tenanted, wild, wrapping_rejection,
};
use crate::harness::{Harness, start, until_health};

pub(crate) async fn a_handler_is_done_once_its_returned_events_are_published<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::new(async |seen| match seen.handler() {
        "plain" => Ok(vec![Reply::Paid(paid("a", 7))]),
        _ => Ok(Vec::new()),
    });
    let app = start!(harness, recorder, [plain, pays]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    assert_eq!(log.next().await.handler(), "plain");
    let second = log.next().await;
    assert_eq!((second.handler(), second.number), ("pays", 7));
    until_health(&app, "both events to be counted as handled", |health| {
        health.handlers.iter().all(|handler| handler.handled == 1)
    })
    .await;
}

pub(crate) async fn an_unpublishable_returned_event_dead_letters_its_cause<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::new(async |_| {
        let (order, region) = ("a".to_owned(), "eu.west".to_owned());
        Ok(vec![
            Reply::Paid(paid("a", 9)),
            Reply::Shipped(Shipped { order, region }),
        ])
    });
    let idle = recorder.with_script(async |_| Ok(Vec::new()));
    let _pays = start!(harness, idle, [pays]);
    let _app = start!(harness, recorder, [plain]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    let dead_letter = harness.dead_letter("plain").await;
    dead_letter.expect_reason("unpublishable", 1);
    dead_letter.expect_error("region");
    // None of the returned events was published.
    harness.bus.publish(&paid("a", 2)).await.unwrap();
    assert_eq!(log.next().await.handler(), "plain");
    assert_eq!(log.next().await.number, 2);
}

pub(crate) async fn a_too_large_returned_event_dead_letters_its_cause<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::new(async |_| Ok(vec![Reply::Paid(paid(&"x".repeat(3_000), 9))]));
    let bus = harness.broker.bus(harness.settings().max_body_bytes(2_000)).await;
    let _app = harness
        .app()
        .state(recorder)
        .handlers(tidings::handlers![plain])
        .start(bus)
        .await
        .unwrap();
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    let dead_letter = harness.dead_letter("plain").await;
    dead_letter.expect_reason("unpublishable", 1);
}

fn gateway_down() -> HandlerError {
    HandlerError::retry(anyhow::anyhow!("connection refused").context("cannot reach the gateway"))
}

pub(crate) async fn a_failing_event_is_retried_on_each_rung_and_then_dead_lettered<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::new(async |_| Err(gateway_down()));
    let _app = start!(harness, recorder, [slow_rungs]);
    let before = Timestamp::now();
    harness.bus.publish(&placed("a", 1)).await.unwrap();

    let mut began = Vec::new();
    let mut first_received = None;
    for attempt in 1..=3 {
        let seen = log.next().await;
        began.push(Instant::now());
        assert_eq!((seen.number, seen.attempt()), (1, attempt));
        assert_eq!(seen.delivery.routing_key(), "order.placed");
        assert_eq!(seen.delivery.exchange(), harness.exchange);
        let last_error = (attempt > 1).then_some("cannot reach the gateway\nconnection refused");
        assert_eq!(seen.delivery.last_error(), last_error);
        let first = seen.delivery.first_received_at();
        if attempt > 1 {
            assert_eq!(
                first_received,
                Some(first),
                "the time is the same on every attempt"
            );
        }
        first_received = Some(first);
    }
    assert!(
        began[1] - began[0] >= Duration::from_millis(45),
        "the first rung is 50 ms"
    );
    assert!(
        began[2] - began[1] >= Duration::from_millis(240),
        "the second rung is 250 ms"
    );

    let dead_letter = harness.dead_letter("slow_rungs").await;
    dead_letter.expect_reason("failed", 3);
    assert_eq!(
        dead_letter.error(),
        "cannot reach the gateway\nconnection refused"
    );
    assert_eq!(dead_letter.text("tidings-handler"), "slow_rungs");
    assert_eq!(dead_letter.text("tidings-service"), harness.service);
    assert_eq!(dead_letter.text("tidings-queue"), harness.queue("slow_rungs"));
    assert_eq!(dead_letter.text("tidings-original-exchange"), harness.exchange);
    assert_eq!(dead_letter.text("tidings-original-routing-key"), "order.placed");
    let at: Timestamp = dead_letter.text("tidings-dead-lettered-at").parse().unwrap();
    let received: Timestamp = dead_letter.text("tidings-first-received-at").parse().unwrap();
    assert!(before <= received && received < at && at <= Timestamp::now());
    log.expect_nothing();
}

pub(crate) async fn an_event_that_fails_twice_is_handled_at_the_third_attempt<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::new(async |seen| match seen.attempt() {
        1 | 2 => Err(gateway_down()),
        _ => Ok(Vec::new()),
    });
    let app = start!(harness, recorder, [plain]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    let attempts: Vec<u32> = log.take(3).await.iter().map(Attempt::attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
    until_health(&app, "the event to be counted", |health| {
        let plain = &health.handlers[0];
        (plain.handled, plain.retried, plain.dead_lettered) == (1, 2, 0)
    })
    .await;
    harness.expect_no_dead_letters("plain").await;
}

pub(crate) async fn a_panic_is_retried_and_then_dead_lettered_with_its_text<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::new(async |seen| match seen.number {
        1 => panic!("the order is broken"),
        _ => Ok(Vec::new()),
    });
    let _app = start!(harness, recorder, [plain]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    log.take(3).await;
    let dead_letter = harness.dead_letter("plain").await;
    dead_letter.expect_reason("failed", 3);
    dead_letter.expect_error("the order is broken");
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2, "the handler continues");
}

pub(crate) async fn a_handler_that_times_out_is_retried_and_then_dead_lettered<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::new(async |_| pending().await);
    let _app = start!(harness, recorder, [short_timeout]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    log.take(2).await;
    let dead_letter = harness.dead_letter("short_timeout").await;
    dead_letter.expect_reason("failed", 2);
    dead_letter.expect_error("longer than 100ms");
}

pub(crate) async fn retry_after_is_rounded_up_to_a_rung<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::new(async |seen| match seen.attempt() {
        1 => Err(HandlerError::retry_after(Duration::from_millis(60), "not yet")),
        _ => Ok(Vec::new()),
    });
    let _app = start!(harness, recorder, [plain]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    let began = Instant::now();
    assert_eq!(log.next().await.attempt(), 2);
    assert!(
        began.elapsed() >= Duration::from_millis(240),
        "the next rung is 250 ms: {:?}",
        began.elapsed()
    );
}

pub(crate) async fn a_rejected_event_is_dead_lettered_at_once<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::new(async |seen| match seen.number {
        1 => Err(HandlerError::reject("card declined")),
        _ => Ok(Vec::new()),
    });
    let _app = start!(harness, recorder, [plain]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    let dead_letter = harness.dead_letter("plain").await;
    dead_letter.expect_reason("rejected", 1);
    assert_eq!(dead_letter.error(), "card declined");
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.numbers(2).await, [1, 2]);
}

pub(crate) async fn reject_on_matches_an_error_anywhere_in_the_chain<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [charging]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    let dead_letter = harness.dead_letter("charging").await;
    dead_letter.expect_reason("rejected", 1);
    assert_eq!(
        dead_letter.error(),
        "cannot charge\nthe gateway said no\nno funds"
    );
    log.next().await;
    log.expect_nothing();
}

pub(crate) async fn a_rejection_is_found_below_other_errors<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [wrapping_rejection]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    let dead_letter = harness.dead_letter("wrapping_rejection").await;
    dead_letter.expect_reason("rejected", 1);
    assert_eq!(dead_letter.error(), "cannot charge\ncard declined");
    log.next().await;
    log.expect_nothing();
}

pub(crate) async fn an_extractor_rejection_is_dead_lettered_at_once_unless_it_asks_for_a_retry<
    B: TestBroker,
>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [tenanted]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    let dead_letter = harness.dead_letter("tenanted").await;
    dead_letter.expect_reason("rejected", 1);
    assert_eq!(dead_letter.error(), "the header `tenant` is missing");

    let later = tidings::PublishOptions::new().header("tenant", "later");
    harness.bus.publish_with(&placed("a", 2), later).await.unwrap();
    let seen = log.next().await;
    assert_eq!((seen.number, seen.attempt()), (2, 2));
    assert_eq!(seen.delivery.last_error(), Some("the tenant is not there yet"));
}

pub(crate) async fn a_malformed_body_is_dead_lettered_at_once<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [plain]);
    let bodies = [
        "",
        "{",
        "[1]",
        "\"text\"",
        r#"{"type":"order.placed","data":{"order":"a","number":"many"}}"#,
    ];
    for body in bodies {
        harness.publish_raw("order.placed", body).await;
    }
    let dead_letters = harness.dead_letters("plain", bodies.len()).await;
    for dead_letter in &dead_letters {
        assert_eq!(
            (dead_letter.reason(), dead_letter.attempts()),
            ("malformed", 1),
            "{}",
            dead_letter.body()
        );
    }
    let mut found: Vec<&str> = dead_letters
        .iter()
        .map(super::harness::DeadLetter::body)
        .collect();
    let mut sent = bodies;
    found.sort_unstable();
    sent.sort_unstable();
    assert_eq!(found, sent, "the bodies are unchanged");
    let wrong_number = dead_letters
        .iter()
        .find(|dead_letter| dead_letter.body().contains("many"))
        .unwrap();
    assert!(
        wrong_number.error().contains("data.number"),
        "the error names the field: {}",
        wrong_number.error()
    );
    log.expect_nothing();
}

pub(crate) async fn a_body_that_is_too_large_is_dead_lettered_at_once<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let bus = harness.broker.bus(harness.settings().max_body_bytes(1_000)).await;
    let _app = harness
        .app()
        .state(recorder)
        .handlers(tidings::handlers![plain])
        .start(bus)
        .await
        .unwrap();
    harness.bus.publish(&placed(&"x".repeat(1_000), 1)).await.unwrap();
    let dead_letter = harness.dead_letter("plain").await;
    dead_letter.expect_reason("malformed", 1);
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
}

pub(crate) async fn an_undeclared_type_that_matches_a_wildcard_is_ignored<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::idle();
    let app = start!(harness, recorder, [wild]);
    harness.bus.publish(&paid("a", 1)).await.unwrap();
    // An undeclared event is ignored even when its body is malformed.
    harness
        .publish_raw("order.other", r#"{"type":"order.other","data":"#)
        .await;
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    until_health(&app, "both events to be counted as ignored", |health| {
        health.handlers[0].ignored == 2
    })
    .await;
    log.expect_nothing();
    harness.expect_no_dead_letters("wild").await;
}

pub(crate) async fn a_key_bound_by_another_version_is_retried_and_then_dead_lettered_as_not_ours<
    B: TestBroker,
>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::idle();
    let older_version = start!(harness, recorder, [older_version::plain]);
    older_version.shutdown().await.unwrap();
    let _app = start!(harness, recorder, [plain]);
    harness
        .publish_raw(
            "order.old",
            r#"{"type":"order.placed","data":{"order":"a","number":1}}"#,
        )
        .await;
    let dead_letter = harness.dead_letter("plain").await;
    dead_letter.expect_reason("not-ours", 3);
    assert_eq!(dead_letter.text("tidings-original-routing-key"), "order.old");
    log.expect_nothing();
}

pub(crate) async fn an_event_of_another_type_on_a_declared_key_is_dead_lettered<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [plain]);
    harness
        .publish_raw(
            "order.placed",
            r#"{"type":"order.mislabelled","data":{"order":"a","number":1}}"#,
        )
        .await;
    let dead_letter = harness.dead_letter("plain").await;
    dead_letter.expect_reason("wrong-type", 1);
    dead_letter.expect_error("order.mislabelled");
    log.expect_nothing();
}

pub(crate) async fn the_headers_and_the_id_of_a_publish_reach_the_handler<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::idle();
    let _app = start!(harness, recorder, [plain]);
    let options = tidings::PublishOptions::new()
        .header("tenant", "acme")
        .id("an-id-of-mine");
    let id = harness.bus.publish_with(&placed("a", 1), options).await.unwrap();
    assert_eq!(id, "an-id-of-mine");
    let seen = log.next().await;
    assert_eq!(seen.delivery.id(), "an-id-of-mine");
    assert_eq!(seen.delivery.headers().text("tenant"), Some("acme"));
    assert_eq!(seen.delivery.properties().message_id.as_deref(), Some(&*id));
}
