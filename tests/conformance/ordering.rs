//! The promises of an ordered handler. First completions of an aggregate are in order. A replay starts at an event that
//! was already seen, and skips none. After a dead letter, the aggregate continues unless the handler pauses.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidings::HandlerError;
use tidings::health::HandlerState;
use tokio::sync::{Barrier, Notify, mpsc};

use crate::broker::TestBroker;
use crate::handlers::{Attempt, Recorder, ordered, pausing, placed, single};
use crate::harness::{Harness, start, until_health};
use tidings_test_support::wait::{eventually, within};

async fn publish<B: TestBroker>(harness: &Harness<B>, order: &str, numbers: std::ops::RangeInclusive<u32>) {
    for number in numbers {
        harness.bus.publish(&placed(order, number)).await.unwrap();
    }
}

pub(crate) async fn first_completions_of_an_aggregate_are_in_order<B: TestBroker>(harness: Harness<B>) {
    let (done, mut completions) = mpsc::unbounded_channel::<Attempt>();
    let (recorder, _log) = Recorder::new(move |seen| {
        let done = done.clone();
        async move {
            // Later events finish faster, so without the order they would overtake earlier ones.
            for _ in seen.number..10 {
                tokio::task::yield_now().await;
            }
            if (seen.number + seen.attempt()).is_multiple_of(4) && seen.attempt() < 3 {
                return Err(HandlerError::retry("once more"));
            }
            done.send(seen).unwrap();
            Ok(Vec::new())
        }
    });
    let _app = start!(harness, recorder, [ordered]);
    for number in 1..=8 {
        for order in ["a", "b", "c"] {
            harness.bus.publish(&placed(order, number)).await.unwrap();
        }
    }
    let mut done: HashMap<String, Vec<u32>> = HashMap::new();
    for _ in 0..24 {
        let seen = within("a completion", completions.recv()).await.unwrap();
        done.entry(seen.order).or_default().push(seen.number);
    }
    for (order, numbers) in done {
        assert_eq!(numbers, (1..=8).collect::<Vec<_>>(), "aggregate {order}");
    }
}

pub(crate) async fn aggregates_are_handled_concurrently<B: TestBroker>(harness: Harness<B>) {
    let barrier = Arc::new(Barrier::new(3));
    let (recorder, mut log) = Recorder::new(move |_| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            Ok(Vec::new())
        }
    });
    let _app = start!(harness, recorder, [ordered]);
    for order in ["a", "b", "c"] {
        publish(&harness, order, 1..=2).await;
    }
    // Each event waits for two others, so none would finish if they ran one after the other.
    let seen = log.take(6).await;
    assert!(seen[..3].iter().all(|seen| seen.number == 1));
    assert!(seen[3..].iter().all(|seen| seen.number == 2));
}

pub(crate) async fn a_retry_delays_only_its_own_aggregate<B: TestBroker>(harness: Harness<B>) {
    let b_is_done = Arc::new(Notify::new());
    let notify = Arc::clone(&b_is_done);
    let (recorder, mut log) = Recorder::new(move |seen| {
        let notify = Arc::clone(&notify);
        async move {
            match (&*seen.order, seen.number, seen.attempt()) {
                ("a", 1, 1) => Err(HandlerError::retry_after(
                    Duration::from_secs(1),
                    "not before b is done",
                )),
                ("b", 3, _) => {
                    notify.notify_one();
                    Ok(Vec::new())
                }
                _ => Ok(Vec::new()),
            }
        }
    });
    let _app = start!(harness, recorder, [ordered]);
    publish(&harness, "a", 1..=3).await;
    publish(&harness, "b", 1..=3).await;
    within("the end of b", b_is_done.notified()).await;
    let seen = log.take(7).await;
    let of = |order: &str| -> Vec<(u32, u32)> {
        let own = seen.iter().filter(|seen| seen.order == order);
        own.map(|seen| (seen.number, seen.attempt())).collect()
    };
    assert_eq!(of("a"), [(1, 1), (1, 2), (2, 1), (3, 1)]);
    assert_eq!(of("b"), [(1, 1), (2, 1), (3, 1)]);
    let retry = seen
        .iter()
        .position(|seen| (&*seen.order, seen.attempt()) == ("a", 2))
        .unwrap();
    let last_of_b = seen
        .iter()
        .position(|seen| (&*seen.order, seen.number) == ("b", 3))
        .unwrap();
    assert!(last_of_b < retry);
}

pub(crate) async fn an_aggregate_continues_after_a_dead_letter<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::new(async |seen| match seen.number {
        1 => Err(HandlerError::reject("never")),
        2 => Err(HandlerError::retry("not now")),
        _ => Ok(Vec::new()),
    });
    let _app = start!(harness, recorder, [ordered]);
    publish(&harness, "a", 1..=3).await;
    let seen: Vec<(u32, u32)> = log
        .take(5)
        .await
        .iter()
        .map(|seen| (seen.number, seen.attempt()))
        .collect();
    assert_eq!(seen, [(1, 1), (2, 1), (2, 2), (2, 3), (3, 1)]);
    let dead_letters = harness.dead_letters("ordered", 2).await;
    dead_letters[0].expect_reason("rejected", 1);
    dead_letters[1].expect_reason("failed", 3);
}

pub(crate) async fn on_dead_letter_pause_pauses_the_handler_until_it_is_resumed<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::new(async |seen| match seen.number {
        1 => Err(HandlerError::retry("never")),
        _ => Ok(Vec::new()),
    });
    let app = start!(harness, recorder, [pausing]);
    publish(&harness, "a", 1..=3).await;
    assert_eq!(log.next().await.number, 1);
    until_health(&app, "the handler to pause", |health| {
        health.handlers[0].state == HandlerState::Paused
    })
    .await;
    harness.dead_letter("pausing").await;
    log.expect_nothing();

    app.resume("pausing").unwrap();
    assert_eq!((log.next().await.number, log.next().await.number), (2, 3));
}

pub(crate) async fn a_replay_starts_at_an_event_already_seen_and_skips_none<B: TestBroker>(
    harness: Harness<B>,
) {
    let (recorder, mut log) = Recorder::new(async |seen| match seen.number {
        4 => pending().await,
        _ => Ok(Vec::new()),
    });
    let app = start!(harness, recorder, [ordered]);
    publish(&harness, "a", 1..=8).await;
    assert_eq!(log.take(4).await[3].number, 4);
    drop(app);

    let _app = start!(harness, recorder.with_script(async |_| Ok(Vec::new())), [ordered]);
    let first = log.next().await.number;
    assert!(
        (1..=4).contains(&first),
        "the replay starts at {first}, after the last seen event, 4"
    );
    for number in first + 1..=8 {
        assert_eq!(log.next().await.number, number);
    }
    log.expect_nothing();
}

pub(crate) async fn the_order_survives_any_number_of_redeliveries<B: TestBroker>(harness: Harness<B>) {
    let (stuck, mut log) = Recorder::new(async |_| pending().await);
    declare(&harness, &stuck).await;
    publish(&harness, "a", 1..=6).await;
    // A consumer with a smaller window would return the events in several batches, and the queue would keep the order
    // of the batches.
    for _ in 0..8 {
        let app = start!(harness, stuck, [ordered]);
        assert_eq!(log.next().await.number, 1);
        drop(app);
    }
    let _app = start!(harness, stuck.with_script(async |_| Ok(Vec::new())), [ordered]);
    for number in 1..=6 {
        assert_eq!(log.next().await.number, number);
    }
    harness.expect_no_dead_letters("ordered").await;
}

pub(crate) async fn only_the_ordered_event_that_crashes_its_process_is_dead_lettered<B: TestBroker>(
    harness: Harness<B>,
) {
    let (stuck, mut log) = Recorder::new(async |_| pending().await);
    declare(&harness, &stuck).await;
    for number in 1..=3 {
        for order in ["a", "b", "c"] {
            harness.bus.publish(&placed(order, number)).await.unwrap();
        }
    }
    let crashing = stuck.with_script(async |seen| match (&*seen.order, seen.number) {
        ("b", 1) => pending().await,
        _ => Ok(Vec::new()),
    });
    let dead_letters = format!("{}.dlq", harness.queue("ordered"));
    // The first event of every aggregate becomes a suspect.
    for _ in 0..10 {
        let app = start!(harness, stuck, [ordered]);
        log.take(3).await;
        drop(app);
    }
    for _ in 0..8 {
        let app = start!(harness, crashing, [ordered]);
        let is_over = eventually("the event to run again or to be dead-lettered", async || {
            while let Some(seen) = log.try_next() {
                if (&*seen.order, seen.number) == ("b", 1) {
                    return Some(false);
                }
            }
            let dead_letters = harness.broker.messages(&dead_letters).await;
            (!dead_letters.is_empty()).then_some(true)
        })
        .await;
        if is_over {
            let dead_letter = harness.dead_letter("ordered").await;
            assert_eq!(dead_letter.reason(), "crash-loop");
            assert!(
                dead_letter.body().contains("\"number\":1"),
                "{}",
                dead_letter.body()
            );
            harness.bus.publish(&placed("b", 4)).await.unwrap();
            while log.next().await.number != 4 {}
            let dead_letters = harness.broker.messages(&dead_letters).await;
            assert_eq!(dead_letters.len(), 1, "{dead_letters:?}");
            return;
        }
        drop(app);
    }
    panic!("the event was redelivered too often");
}

/// Declares the queue of the handler before any event is published.
async fn declare<B: TestBroker>(harness: &Harness<B>, recorder: &Recorder) {
    let app = start!(harness, recorder, [ordered]);
    within("the shutdown", app.shutdown()).await.unwrap();
}

pub(crate) async fn a_lost_connection_cancels_the_running_ordered_event_and_resumes_with_it<B: TestBroker>(
    harness: Harness<B>,
) {
    let running = Arc::new(Mutex::new(0));
    let count = Arc::clone(&running);
    let (recorder, mut log) = Recorder::new(move |seen| {
        let count = Arc::clone(&count);
        async move {
            let _one = Running::count(&count);
            if seen.number == 2 && !seen.delivery.redelivered() {
                pending::<()>().await;
            }
            Ok(Vec::new())
        }
    });
    let _app = start!(harness, recorder, [ordered]);
    publish(&harness, "a", 1..=4).await;
    assert_eq!(log.take(2).await[1].number, 2);
    harness.broker.cut_connections().await;
    // The ack of the first event may have been lost with the connection.
    let mut seen = log.next().await;
    if seen.number == 1 {
        seen = log.next().await;
    }
    for number in 2..=4 {
        assert_eq!((seen.number, seen.attempt()), (number, 1));
        if number < 4 {
            seen = log.next().await;
        }
    }
}

/// Panics when two events of one aggregate run concurrently.
struct Running(Arc<Mutex<u32>>);

impl Running {
    fn count(running: &Arc<Mutex<u32>>) -> Self {
        let mut count = running.lock().unwrap();
        assert_eq!(*count, 0, "two events of one aggregate run concurrently");
        *count += 1;
        Self(Arc::clone(running))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.lock().unwrap() -= 1;
    }
}

pub(crate) async fn the_second_instance_of_a_single_active_handler_takes_over_in_order<B: TestBroker>(
    harness: Harness<B>,
) {
    let (one, mut first_log) = Recorder::new(async |seen| match seen.number {
        3 => pending().await,
        _ => Ok(Vec::new()),
    });
    let (two, mut second_log) = Recorder::idle();
    let first = start!(harness, one, [single]);
    let _second = start!(harness, two, [single]);
    publish(&harness, "a", 1..=6).await;
    let seen: Vec<u32> = first_log.take(3).await.iter().map(|seen| seen.number).collect();
    assert_eq!(seen, [1, 2, 3]);
    second_log.expect_nothing();
    drop(first);

    let start = second_log.next().await.number;
    assert!(
        (1..=3).contains(&start),
        "the replay starts at {start}, after the last seen event, 3"
    );
    for number in start + 1..=6 {
        assert_eq!(second_log.next().await.number, number);
    }
}
