//! Concurrency, prefetch, breaker and pause: when a handler receives events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tidings::HandlerError;
use tidings::health::HandlerState;
use tokio::sync::{Barrier, Notify, mpsc};

use crate::broker::TestBroker;
use crate::handlers::{Recorder, one_at_a_time, placed, plain, prefetching_four, three_at_a_time};
use crate::harness::{Harness, start, until_health};
use tidings_test_support::wait::within;

async fn publish<B: TestBroker>(harness: &Harness<B>, numbers: std::ops::RangeInclusive<u32>) {
    let events: Vec<_> = numbers.map(|number| placed("a", number)).collect();
    for result in harness.bus.publish_all(&events).await {
        result.unwrap();
    }
}

pub(crate) async fn the_concurrency_is_reached_and_never_exceeded<B: TestBroker>(harness: Harness<B>) {
    let (running, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let barrier = Arc::new(Barrier::new(3));
    let highest = Arc::clone(&most);
    let (recorder, mut log) = Recorder::new(move |_| {
        let (running, most, barrier) = (Arc::clone(&running), Arc::clone(&highest), Arc::clone(&barrier));
        async move {
            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            // No handler continues before three wait here.
            barrier.wait().await;
            tokio::task::yield_now().await;
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(Vec::new())
        }
    });
    let app = start!(harness, recorder, [three_at_a_time]);
    publish(&harness, 1..=60).await;
    log.take(60).await;
    until_health(&app, "every event to be handled", |health| {
        health.handlers[0].handled == 60
    })
    .await;
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

pub(crate) async fn the_prefetch_limits_the_deliveries_of_an_instance<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log, permits) = Recorder::waiting();
    let (others, mut other_log) = Recorder::idle();
    let _one = start!(harness, recorder, [prefetching_four]);
    publish(&harness, 1..=10).await;
    let first: Vec<u32> = log.numbers(4).await;
    // Another instance receives the rest, so the first instance has not received it.
    let _two = start!(harness, others, [prefetching_four]);
    let rest = other_log.numbers(6).await;
    log.expect_nothing();
    let mut all = [first, rest].concat();
    all.sort_unstable();
    assert_eq!(all, (1..=10).collect::<Vec<_>>());
    permits.add_permits(4);
}

pub(crate) async fn two_instances_share_the_work<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log, permits) = Recorder::waiting();
    let (others, mut other_log, other_permits) = Recorder::waiting();
    let _one = start!(harness, recorder, [prefetching_four]);
    let _two = start!(harness, others, [prefetching_four]);
    publish(&harness, 1..=8).await;
    let mut all = log.numbers(4).await;
    all.extend(other_log.numbers(4).await);
    all.sort_unstable();
    assert_eq!(
        all,
        (1..=8).collect::<Vec<_>>(),
        "each event goes to one instance"
    );
    permits.add_permits(4);
    other_permits.add_permits(4);
}

pub(crate) async fn a_slow_event_does_not_block_later_events<B: TestBroker>(harness: Harness<B>) {
    let release = Arc::new(Notify::new());
    let waiting = Arc::clone(&release);
    let (recorder, mut log) = Recorder::new(move |seen| {
        let waiting = Arc::clone(&waiting);
        async move {
            if seen.number == 1 {
                waiting.notified().await;
            }
            Ok(Vec::new())
        }
    });
    let app = start!(harness, recorder, [plain]);
    publish(&harness, 1..=1).await;
    log.next().await;
    // These are three prefetches of 256, so the finished deliveries after the unfinished one must be acked.
    publish(&harness, 2..=800).await;
    assert_eq!(log.numbers(799).await, (2..=800).collect::<Vec<_>>());
    release.notify_one();
    until_health(&app, "every event to be handled", |health| {
        health.handlers[0].handled == 800
    })
    .await;
}

pub(crate) async fn an_open_breaker_counts_no_attempts_and_closes_after_a_success<B: TestBroker>(
    harness: Harness<B>,
) {
    let is_up = Arc::new(AtomicBool::new(false));
    let (done, mut completions) = mpsc::unbounded_channel();
    let gateway = Arc::clone(&is_up);
    let (recorder, mut log) = Recorder::new(move |seen| {
        let (gateway, done) = (Arc::clone(&gateway), done.clone());
        async move {
            if !gateway.load(Ordering::SeqCst) {
                return Err(HandlerError::retry("the gateway is down"));
            }
            done.send(seen.number).unwrap();
            Ok(Vec::new())
        }
    });
    let app = start!(harness, recorder, [plain]);
    // Twenty failures open the breaker: twelve first attempts and eight second attempts, of three each.
    publish(&harness, 1..=12).await;
    until_health(&app, "the breaker to open", |health| {
        health.handlers[0].state == HandlerState::BreakerOpen && !health.is_ready()
    })
    .await;
    let opened = Instant::now();
    publish(&harness, 13..=20).await;
    // The first probe comes after one second and fails. It must not count, even as the last attempt of its event.
    while opened.elapsed() < Duration::from_millis(800) {
        log.next().await;
    }
    is_up.store(true, Ordering::SeqCst);
    let mut done = Vec::new();
    for _ in 0..20 {
        done.push(within("a completion", completions.recv()).await.unwrap());
    }
    done.sort_unstable();
    assert_eq!(done, (1..=20).collect::<Vec<_>>());
    until_health(&app, "the breaker to close", |health| {
        health.handlers[0].state == HandlerState::Running && health.is_ready()
    })
    .await;
    harness.expect_no_dead_letters("plain").await;
}

pub(crate) async fn a_paused_handler_receives_nothing_until_it_is_resumed<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::idle();
    let (others, mut other_log) = Recorder::idle();
    let app = start!(harness, recorder, [plain, three_at_a_time]);
    app.pause("plain").unwrap();
    until_health(&app, "the handler to pause", |health| {
        health.handler("plain").unwrap().state == HandlerState::Paused
    })
    .await;
    assert!(app.health().is_ready(), "a paused handler is ready");
    publish(&harness, 1..=1).await;
    assert_eq!(
        log.next().await.handler(),
        "three_at_a_time",
        "the other handler continues"
    );

    // Another instance receives the events of the paused handler.
    let other = start!(harness, others, [plain]);
    assert_eq!(other_log.next().await.number, 1);
    other.shutdown().await.unwrap();
    publish(&harness, 2..=2).await;
    assert_eq!(log.next().await.handler(), "three_at_a_time");
    log.expect_nothing();
    app.resume("plain").unwrap();
    let seen = log.next().await;
    assert_eq!((seen.handler(), seen.number), ("plain", 2));
    assert!(app.pause("nobody").is_err() && app.resume("nobody").is_err());
}

pub(crate) async fn a_pause_finishes_running_events_and_requeues_the_rest<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log, permits) = Recorder::waiting();
    let (others, mut other_log) = Recorder::idle();
    let app = start!(harness, recorder, [one_at_a_time]);
    publish(&harness, 1..=4).await;
    assert_eq!(log.next().await.number, 1);
    app.pause("one_at_a_time").unwrap();
    let _other = start!(harness, others, [one_at_a_time]);
    let rest: Vec<u32> = other_log.numbers(3).await;
    assert_eq!(rest, [2, 3, 4]);
    permits.add_permits(1);
    until_health(&app, "the running event to be handled", |health| {
        health.handlers[0].handled == 1 && health.handlers[0].state == HandlerState::Paused
    })
    .await;
    publish(&harness, 5..=5).await;
    assert_eq!(
        other_log.next().await.number,
        5,
        "the running event is not redelivered"
    );
}
