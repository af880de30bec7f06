//! Leaving: what runs is finished, the rest is another instance's.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tidings::Error;
use tokio::sync::Notify;

use crate::cast::{Hands, narrow, ordered, patient, placed, plain, single_file};
use crate::fixture::Fixture;
use crate::stage::{Stage, start, within};

/// Hands that wait to be released.
fn held() -> (Hands, crate::cast::Log, Arc<Notify>) {
    let release = Arc::new(Notify::new());
    let waits = Arc::clone(&release);
    let (hands, log) = Hands::new(move |_| {
        let waits = Arc::clone(&waits);
        async move {
            waits.notified().await;
            Ok(Vec::new())
        }
    });
    (hands, log, release)
}

pub(crate) async fn a_shutdown_finishes_what_runs_and_returns_the_rest<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log, release) = held();
    let (others, mut other_log) = Hands::idle();
    let app = Arc::new(start!(stage, hands, [single_file]));
    for number in 1..=4 {
        stage.bus.publish(&placed("a", number)).await.unwrap();
    }
    assert_eq!(log.next().await.number, 1);
    let leaving = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.shutdown().await }
    });
    // Another instance has the rest while the first one still runs.
    let _other = start!(stage, others, [single_file]);
    assert_eq!(other_log.numbers(3).await, [2, 3, 4]);
    assert!(!leaving.is_finished());
    release.notify_one();
    within("the shutdown", leaving).await.unwrap().unwrap();

    stage.bus.publish(&placed("a", 5)).await.unwrap();
    assert_eq!(
        other_log.next().await.number,
        5,
        "what was finished is acknowledged"
    );
    log.expect_nothing();
    app.shutdown().await.expect("a second time it is down already");
}

pub(crate) async fn a_shutdown_of_an_ordered_handler_starts_nothing_before_what_runs_is_finished<
    F: Fixture,
>(
    stage: Stage<F>,
) {
    let (hands, mut log, release) = held();
    let (others, mut other_log) = Hands::idle();
    let app = Arc::new(start!(stage, hands, [ordered]));
    for number in 1..=3 {
        stage.bus.publish(&placed("a", number)).await.unwrap();
    }
    assert_eq!(log.next().await.number, 1);
    let leaving = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.shutdown().await }
    });
    let _other = start!(stage, others, [ordered]);
    // An event of another aggregate shows that the other instance is at work, and yet has none of this one's.
    stage.bus.publish(&placed("b", 9)).await.unwrap();
    stage.bus.publish(&placed("c", 9)).await.unwrap();
    other_log.expect_nothing_of("a");
    release.notify_one();
    within("the shutdown", leaving).await.unwrap().unwrap();
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

pub(crate) async fn a_shutdown_past_its_deadline_names_what_still_ran_and_returns_it<F: Fixture>(
    stage: Stage<F>,
) {
    let (hands, mut log) = Hands::new(async |seen| match seen.handler() {
        "narrow" => pending().await,
        _ => Ok(Vec::new()),
    });
    let bus = stage.another_bus().await;
    let app = stage
        .app()
        .shutdown_timeout(Duration::from_millis(100))
        .state(hands.clone())
        .handlers(tidings::handlers![plain, narrow])
        .start(bus)
        .await
        .unwrap();
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    log.take(2).await;
    let Err(Error::Shutdown(error)) = within("the shutdown", app.shutdown()).await else {
        panic!("a handler never ends");
    };
    assert_eq!(error.unfinished(), [format!("`{}`", stage.queue("narrow"))]);

    let _other = start!(stage, hands.with_script(async |_| Ok(Vec::new())), [narrow]);
    let again = log.next().await;
    assert_eq!((again.handler(), again.number, again.attempt()), ("narrow", 1, 1));
    assert!(again.delivery.redelivered());
}

pub(crate) async fn a_handler_learns_that_the_app_shuts_down<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let app = start!(stage, hands, [patient]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    log.next().await;
    log.expect_nothing();
    within("the shutdown", app.shutdown()).await.unwrap();
    assert_eq!(
        log.next().await.number,
        1,
        "it waited for the word, and then went on"
    );
}

pub(crate) async fn an_abort_returns_everything_at_once<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::new(async |_| pending().await);
    let app = start!(stage, hands, [single_file]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    stage.bus.publish(&placed("a", 2)).await.unwrap();
    log.next().await;
    let Err(Error::Shutdown(error)) = app.abort() else {
        panic!("a handler runs");
    };
    assert_eq!(error.unfinished(), [format!("`{}`", stage.queue("single_file"))]);
    let _other = start!(stage, hands.with_script(async |_| Ok(Vec::new())), [single_file]);
    assert_eq!(log.numbers(2).await, [1, 2]);
}
