//! Acknowledged when handled, and not before.

use std::future::pending;

use crate::cast::{Hands, Log, placed, plain};
use crate::fixture::Fixture;
use crate::stage::{Stage, eventually, start};

pub(crate) async fn an_event_that_was_handled_does_not_come_again<F: Fixture>(stage: Stage<F>) {
    let (hands, mut log) = Hands::idle();
    let app = start!(stage, hands, [plain]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    let first = log.next().await;
    assert_eq!(
        (first.number, first.attempt(), first.delivery.redelivered()),
        (1, 1, false)
    );
    app.shutdown().await.unwrap();

    let _app = start!(stage, hands, [plain]);
    stage.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    log.expect_nothing();
}

pub(crate) async fn an_event_whose_app_was_dropped_while_handling_it_comes_again<F: Fixture>(
    stage: Stage<F>,
) {
    let (stuck, mut log) = Hands::new(async |_| pending().await);
    let app = start!(stage, stuck, [plain]);
    stage.bus.publish(&placed("a", 1)).await.unwrap();
    assert!(!log.next().await.delivery.redelivered());
    drop(app);

    let _app = start!(stage, stuck.with_script(async |_| Ok(Vec::new())), [plain]);
    let again = log.next().await;
    assert_eq!(
        (again.number, again.attempt(), again.delivery.redelivered()),
        (1, 1, true)
    );
    stage.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    stage.expect_no_dead_letters("plain").await;
}

pub(crate) async fn an_event_that_ends_its_process_is_dead_lettered_and_its_neighbours_are_handled<
    F: Fixture,
>(
    stage: Stage<F>,
) {
    const KILLER: u32 = 1;
    let (stuck, mut log) = Hands::new(async |_| pending().await);
    let deadly = stuck.with_script(async |seen| {
        if seen.number == KILLER {
            pending().await
        } else {
            Ok(Vec::new())
        }
    });
    let app = start!(stage, stuck, [plain]);
    for number in 1..=5 {
        stage.bus.publish(&placed("a", number)).await.unwrap();
    }
    log.take(5).await;
    drop(app);
    let app = start!(stage, stuck, [plain]);
    log.take(5).await;
    drop(app);

    let mut handled = Vec::new();
    // As often as it takes, and no oftener than the guard allows.
    for _ in 0..6 {
        let app = start!(stage, deadly, [plain]);
        if killed(&stage, &mut log, &mut handled).await {
            drop(app);
            continue;
        }
        while handled.len() < 4 {
            handled.push(log.next().await.number);
        }
        handled.sort_unstable();
        assert_eq!(handled, [2, 3, 4, 5]);
        let letter = stage.dead_letter("plain").await;
        assert_eq!(letter.reason(), "crash-loop");
        assert!(letter.body().contains("\"number\":1"), "{}", letter.body());
        return;
    }
    panic!("it came again and again");
}

/// Waits until the killer struck, or is among the dead letters.
async fn killed<F: Fixture>(stage: &Stage<F>, log: &mut Log, handled: &mut Vec<u32>) -> bool {
    let dead_letters = format!("{}.dlq", stage.queue("plain"));
    eventually("the killer to strike, or to be dead-lettered", async || {
        while let Some(seen) = log.try_next() {
            match seen.number {
                1 => return Some(true),
                number => handled.push(number),
            }
        }
        let letters = stage.broker.messages(&dead_letters).await;
        (!letters.is_empty()).then_some(false)
    })
    .await
}
