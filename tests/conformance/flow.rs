//! How much a handler takes: side by side, in its window, while it fails, while it is paused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tidings::HandlerError;
use tidings::health::HandlerState;
use tokio::sync::{Barrier, Notify, Semaphore, mpsc};

use crate::cast::{Hands, narrow, placed, plain, windowed};
use crate::fixture::Fixture;
use crate::stage::{Stage, healthy, start, within};

async fn publish<F: Fixture>(stage: &Stage<F>, numbers: std::ops::RangeInclusive<u32>) {
    let events: Vec<_> = numbers.map(|number| placed("a", number)).collect();
    for result in stage.bus.publish_all(&events).await {
        result.unwrap();
    }
}

pub(crate) async fn the_concurrency_is_reached_and_never_exceeded<F: Fixture>(stage: Stage<F>) {
    let (running, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let barrier = Arc::new(Barrier::new(3));
    let highest = Arc::clone(&most);
    let (hands, mut log) = Hands::new(move |_| {
        let (running, most, barrier) = (Arc::clone(&running), Arc::clone(&highest), Arc::clone(&barrier));
        async move {
            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            // Three must meet here for any to go on.
            barrier.wait().await;
            tokio::task::yield_now().await;
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(Vec::new())
        }
    });
    let app = start!(stage, hands, [narrow]);
    publish(&stage, 1..=60).await;
    log.take(60).await;
    healthy(&app, "all to be handled", |health| {
        health.handlers[0].handled == 60
    })
    .await;
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

pub(crate) async fn the_prefetch_bounds_what_an_instance_holds<F: Fixture>(stage: Stage<F>) {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let (hands, mut log) = Hands::new(move |_| {
        let held = Arc::clone(&held);
        async move {
            held.acquire().await.unwrap().forget();
            Ok(Vec::new())
        }
    });
    let (others, mut other_log) = Hands::idle();
    let _one = start!(stage, hands, [windowed]);
    publish(&stage, 1..=10).await;
    let first: Vec<u32> = log.numbers(4).await;
    // The rest is there for another instance, which it could not be if the first one held it.
    let _two = start!(stage, others, [windowed]);
    let rest = other_log.numbers(6).await;
    log.expect_nothing();
    let mut all = [first, rest].concat();
    all.sort_unstable();
    assert_eq!(all, (1..=10).collect::<Vec<_>>());
    gate.add_permits(4);
}

pub(crate) async fn two_instances_share_the_work<F: Fixture>(stage: Stage<F>) {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let (hands, mut log) = Hands::new(move |_| {
        let held = Arc::clone(&held);
        async move {
            held.acquire().await.unwrap().forget();
            Ok(Vec::new())
        }
    });
    let (others, mut other_log) = {
        let held = Arc::clone(&gate);
        Hands::new(move |_| {
            let held = Arc::clone(&held);
            async move {
                held.acquire().await.unwrap().forget();
                Ok(Vec::new())
            }
        })
    };
    let _one = start!(stage, hands, [windowed]);
    let _two = start!(stage, others, [windowed]);
    publish(&stage, 1..=8).await;
    let mut all = log.numbers(4).await;
    all.extend(other_log.numbers(4).await);
    all.sort_unstable();
    assert_eq!(all, (1..=8).collect::<Vec<_>>(), "each event goes to one of them");
    gate.add_permits(8);
}

pub(crate) async fn one_slow_event_does_not_hold_back_its_neighbours<F: Fixture>(stage: Stage<F>) {
    let release = Arc::new(Notify::new());
    let waits = Arc::clone(&release);
    let (hands, mut log) = Hands::new(move |seen| {
        let waits = Arc::clone(&waits);
        async move {
            if seen.number == 1 {
                waits.notified().await;
            }
            Ok(Vec::new())
        }
    });
    let app = start!(stage, hands, [plain]);
    publish(&stage, 1..=1).await;
    log.next().await;
    // Three windows of 256: they get through only when what is finished above the gap is acknowledged.
    publish(&stage, 2..=800).await;
    assert_eq!(log.numbers(799).await, (2..=800).collect::<Vec<_>>());
    release.notify_one();
    healthy(&app, "all to be handled", |health| {
        health.handlers[0].handled == 800
    })
    .await;
}

pub(crate) async fn a_breaker_opens_counts_no_attempt_and_closes_at_the_first_success<F: Fixture>(
    stage: Stage<F>,
) {
    let well = Arc::new(AtomicBool::new(false));
    let (done, mut completions) = mpsc::unbounded_channel();
    let is_well = Arc::clone(&well);
    let (hands, mut log) = Hands::new(move |seen| {
        let (is_well, done) = (Arc::clone(&is_well), done.clone());
        async move {
            if !is_well.load(Ordering::SeqCst) {
                return Err(HandlerError::retry("the gateway is down"));
            }
            done.send((seen.number, seen.attempt())).unwrap();
            Ok(Vec::new())
        }
    });
    let app = start!(stage, hands, [plain]);
    // Twenty failures open it: the first attempts of these twelve, and the second ones of eight. Each has three.
    publish(&stage, 1..=12).await;
    healthy(&app, "the breaker to open", |health| {
        health.handlers[0].state == HandlerState::BreakerOpen && !health.is_ready()
    })
    .await;
    let opened = Instant::now();
    publish(&stage, 13..=20).await;
    // The first probe comes after a second, and fails: for some it is the last attempt, and yet it must not count.
    while opened.elapsed() < Duration::from_millis(800) {
        log.next().await;
    }
    well.store(true, Ordering::SeqCst);
    let mut done = Vec::new();
    for _ in 0..20 {
        let (number, attempt) = within("a completion", completions.recv()).await.unwrap();
        assert!(attempt <= 3);
        done.push(number);
    }
    done.sort_unstable();
    assert_eq!(done, (1..=20).collect::<Vec<_>>());
    healthy(&app, "the breaker to close", |health| {
        health.handlers[0].state == HandlerState::Running && health.is_ready()
    })
    .await;
    stage.expect_no_dead_letters("plain").await;
}

pub(crate) async fn a_paused_handler_takes_nothing_until_it_is_resumed<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let (others, mut other_log) = Hands::idle();
    let app = start!(stage, hands, [plain, narrow]);
    app.pause("plain").unwrap();
    healthy(&app, "the handler to pause", |health| {
        health.handler("plain").unwrap().state == HandlerState::Paused
    })
    .await;
    assert!(app.health().is_ready(), "it is paused on purpose");
    publish(&stage, 1..=1).await;
    assert_eq!(log.next().await.handler(), "narrow", "the other handler goes on");

    // Another instance has the paused one's events.
    let other = start!(stage, others, [plain]);
    assert_eq!(other_log.next().await.number, 1);
    other.shutdown().await.unwrap();
    publish(&stage, 2..=2).await;
    assert_eq!(log.next().await.handler(), "narrow");
    log.expect_nothing();
    app.resume("plain").unwrap();
    let seen = log.next().await;
    assert_eq!((seen.handler(), seen.number), ("plain", 2));
    assert!(app.pause("nobody").is_err() && app.resume("nobody").is_err());
}

pub(crate) async fn a_pause_lets_what_runs_finish_and_others_have_the_rest<F: Fixture>(stage: Stage<F>) {
    let release = Arc::new(Notify::new());
    let waits = Arc::clone(&release);
    let (hands, mut log) = Hands::new(move |_| {
        let waits = Arc::clone(&waits);
        async move {
            waits.notified().await;
            Ok(Vec::new())
        }
    });
    let (others, mut other_log) = Hands::idle();
    let app = start!(stage, hands, [crate::cast::single_file]);
    publish(&stage, 1..=4).await;
    assert_eq!(log.next().await.number, 1);
    app.pause("single_file").unwrap();
    let _other = start!(stage, others, [crate::cast::single_file]);
    let rest: Vec<u32> = other_log.numbers(3).await;
    assert_eq!(rest, [2, 3, 4]);
    release.notify_one();
    healthy(&app, "the one that ran to be handled", |health| {
        health.handlers[0].handled == 1 && health.handlers[0].state == HandlerState::Paused
    })
    .await;
    publish(&stage, 5..=5).await;
    assert_eq!(
        other_log.next().await.number,
        5,
        "the first is not handed out again"
    );
}
