//! The promise of an ordered handler: first completions per aggregate are in order; a replay starts at an event
//! already seen and skips none; a dead letter lets its aggregate go on, unless it pauses.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidings::HandlerError;
use tidings::health::HandlerState;
use tokio::sync::{Barrier, Notify, mpsc};

use crate::cast::{Hands, Seen, ordered, pausing, placed, single};
use crate::fixture::Fixture;
use crate::stage::{Stage, eventually, healthy, start, within};

async fn publish<F: Fixture>(stage: &Stage<F>, order: &str, numbers: std::ops::RangeInclusive<u32>) {
    for number in numbers {
        stage.bus.publish(&placed(order, number)).await.unwrap();
    }
}

pub(crate) async fn first_completions_of_an_aggregate_are_in_order<F: Fixture>(stage: Stage<F>) {
    let (done, mut completions) = mpsc::unbounded_channel::<Seen>();
    let (hands, _log) = Hands::new(move |seen| {
        let done = done.clone();
        async move {
            // The later ones are faster: without the order they would overtake.
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
    let _app = start!(stage, hands, [ordered]);
    for number in 1..=8 {
        for order in ["a", "b", "c"] {
            stage.bus.publish(&placed(order, number)).await.unwrap();
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

pub(crate) async fn aggregates_are_handled_side_by_side<F: Fixture>(stage: Stage<F>) {
    let barrier = Arc::new(Barrier::new(3));
    let (hands, mut log) = Hands::new(move |_| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            Ok(Vec::new())
        }
    });
    let _app = start!(stage, hands, [ordered]);
    for order in ["a", "b", "c"] {
        publish(&stage, order, 1..=2).await;
    }
    // Each waits for the two others: one after the other, none would ever end.
    let seen = log.take(6).await;
    assert!(seen[..3].iter().all(|seen| seen.number == 1));
    assert!(seen[3..].iter().all(|seen| seen.number == 2));
}

pub(crate) async fn a_retry_holds_back_its_own_aggregate_only<F: Fixture>(stage: Stage<F>) {
    let b_is_done = Arc::new(Notify::new());
    let told = Arc::clone(&b_is_done);
    let (hands, mut log) = Hands::new(move |seen| {
        let told = Arc::clone(&told);
        async move {
            match (&*seen.order, seen.number, seen.attempt()) {
                ("a", 1, 1) => Err(HandlerError::retry_after(
                    Duration::from_secs(1),
                    "not before b is through",
                )),
                ("b", 3, _) => {
                    told.notify_one();
                    Ok(Vec::new())
                }
                _ => Ok(Vec::new()),
            }
        }
    });
    let _app = start!(stage, hands, [ordered]);
    publish(&stage, "a", 1..=3).await;
    publish(&stage, "b", 1..=3).await;
    within("b to pass a by", b_is_done.notified()).await;
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

pub(crate) async fn a_dead_letter_lets_its_aggregate_go_on<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::new(async |seen| match seen.number {
        1 => Err(HandlerError::reject("never")),
        2 => Err(HandlerError::retry("not now")),
        _ => Ok(Vec::new()),
    });
    let _app = start!(stage, hands, [ordered]);
    publish(&stage, "a", 1..=3).await;
    let seen: Vec<(u32, u32)> = log
        .take(5)
        .await
        .iter()
        .map(|seen| (seen.number, seen.attempt()))
        .collect();
    assert_eq!(seen, [(1, 1), (2, 1), (2, 2), (2, 3), (3, 1)]);
    let letters = stage.dead_letters("ordered", 2).await;
    assert_eq!((letters[0].reason(), letters[0].attempts()), ("rejected", 1));
    assert_eq!((letters[1].reason(), letters[1].attempts()), ("failed", 3));
}

pub(crate) async fn a_dead_letter_pauses_a_handler_that_asks_for_it_until_it_is_resumed<F: Fixture>(
    stage: Stage<F>,
) {
    let (hands, mut log) = Hands::new(async |seen| match seen.number {
        1 => Err(HandlerError::retry("never")),
        _ => Ok(Vec::new()),
    });
    let app = start!(stage, hands, [pausing]);
    publish(&stage, "a", 1..=3).await;
    assert_eq!(log.next().await.number, 1);
    healthy(&app, "the handler to pause", |health| {
        health.handlers[0].state == HandlerState::Paused
    })
    .await;
    stage.dead_letter("pausing").await;
    log.expect_nothing();

    app.resume("pausing").unwrap();
    assert_eq!((log.next().await.number, log.next().await.number), (2, 3));
}

pub(crate) async fn a_replay_starts_at_an_event_already_seen_and_skips_none<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::new(async |seen| match seen.number {
        4 => pending().await,
        _ => Ok(Vec::new()),
    });
    let app = start!(stage, hands, [ordered]);
    publish(&stage, "a", 1..=8).await;
    assert_eq!(log.take(4).await[3].number, 4);
    drop(app);

    let _app = start!(stage, hands.with_script(async |_| Ok(Vec::new())), [ordered]);
    let first = log.next().await.number;
    assert!(
        (1..=4).contains(&first),
        "it starts at {first}, and 4 was the last one seen"
    );
    for number in first + 1..=8 {
        assert_eq!(log.next().await.number, number);
    }
    log.expect_nothing();
}

pub(crate) async fn the_order_outlives_any_number_of_returns<F: Fixture>(stage: Stage<F>) {
    let (stuck, mut log) = Hands::new(async |_| pending().await);
    declare(&stage, &stuck).await;
    publish(&stage, "a", 1..=6).await;
    // Whatever takes less at a time than was returned returns it in parts, and a queue keeps the parts in the order in
    // which they came back.
    for _ in 0..8 {
        let app = start!(stage, stuck, [ordered]);
        assert_eq!(log.next().await.number, 1);
        drop(app);
    }
    let _app = start!(stage, stuck.with_script(async |_| Ok(Vec::new())), [ordered]);
    for number in 1..=6 {
        assert_eq!(log.next().await.number, number);
    }
    stage.expect_no_dead_letters("ordered").await;
}

pub(crate) async fn an_ordered_event_that_ends_its_process_is_dead_lettered_and_no_other<F: Fixture>(
    stage: Stage<F>,
) {
    let (stuck, mut log) = Hands::new(async |_| pending().await);
    declare(&stage, &stuck).await;
    for number in 1..=3 {
        for order in ["a", "b", "c"] {
            stage.bus.publish(&placed(order, number)).await.unwrap();
        }
    }
    let deadly = stuck.with_script(async |seen| match (&*seen.order, seen.number) {
        ("b", 1) => pending().await,
        _ => Ok(Vec::new()),
    });
    let dead_letters = format!("{}.dlq", stage.queue("ordered"));
    // At first each of them may be the one.
    for _ in 0..10 {
        let app = start!(stage, stuck, [ordered]);
        log.take(3).await;
        drop(app);
    }
    for _ in 0..8 {
        let app = start!(stage, deadly, [ordered]);
        let is_over = eventually("it to strike, or to be dead-lettered", async || {
            while let Some(seen) = log.try_next() {
                if (&*seen.order, seen.number) == ("b", 1) {
                    return Some(false);
                }
            }
            let letters = stage.broker.messages(&dead_letters).await;
            (!letters.is_empty()).then_some(true)
        })
        .await;
        if is_over {
            let letter = stage.dead_letter("ordered").await;
            assert_eq!(letter.reason(), "crash-loop");
            assert!(letter.body().contains("\"number\":1"), "{}", letter.body());
            stage.bus.publish(&placed("b", 4)).await.unwrap();
            while log.next().await.number != 4 {}
            let letters = stage.broker.messages(&dead_letters).await;
            assert_eq!(letters.len(), 1, "{letters:?}");
            return;
        }
        drop(app);
    }
    panic!("it came again and again");
}

/// Declares the handler's queue, before there is anything to take.
async fn declare<F: Fixture>(stage: &Stage<F>, hands: &Hands) {
    let app = start!(stage, hands, [ordered]);
    within("the shutdown", app.shutdown()).await.unwrap();
}

pub(crate) async fn a_lost_connection_cancels_the_event_that_runs_and_goes_on_from_it<F: Fixture>(
    stage: Stage<F>,
) {
    let running = Arc::new(Mutex::new(0));
    let count = Arc::clone(&running);
    let (hands, mut log) = Hands::new(move |seen| {
        let count = Arc::clone(&count);
        async move {
            let _one = Running::count(&count);
            if seen.number == 2 && !seen.delivery.redelivered() {
                pending::<()>().await;
            }
            Ok(Vec::new())
        }
    });
    let _app = start!(stage, hands, [ordered]);
    publish(&stage, "a", 1..=4).await;
    assert_eq!(log.take(2).await[1].number, 2);
    stage.broker.cut_connections().await;
    // The acknowledgement of the first may have been lost with the connection.
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

/// Counts how many run at once of what must run alone.
struct Running(Arc<Mutex<u32>>);

impl Running {
    fn count(running: &Arc<Mutex<u32>>) -> Self {
        let mut count = running.lock().unwrap();
        assert_eq!(*count, 0, "two events of one aggregate run at once");
        *count += 1;
        Self(Arc::clone(running))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.lock().unwrap() -= 1;
    }
}

pub(crate) async fn of_two_instances_with_a_single_active_one_the_other_takes_over_in_order<F: Fixture>(
    stage: Stage<F>,
) {
    let (one, mut first_log) = Hands::new(async |seen| match seen.number {
        3 => pending().await,
        _ => Ok(Vec::new()),
    });
    let (two, mut second_log) = Hands::idle();
    let first = start!(stage, one, [single]);
    let _second = start!(stage, two, [single]);
    publish(&stage, "a", 1..=6).await;
    let seen: Vec<u32> = first_log.take(3).await.iter().map(|seen| seen.number).collect();
    assert_eq!(seen, [1, 2, 3]);
    second_log.expect_nothing();
    drop(first);

    let start = second_log.next().await.number;
    assert!(
        (1..=3).contains(&start),
        "it starts at {start}, and 3 was the last one seen"
    );
    for number in start + 1..=6 {
        assert_eq!(second_log.next().await.number, number);
    }
}
