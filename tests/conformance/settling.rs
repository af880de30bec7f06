//! When deliveries are acked.

use std::collections::BTreeSet;
use std::future::pending;

use crate::broker::TestBroker;
use crate::handlers::{Log, Recorder, placed, plain};
use crate::harness::{Harness, start};
use tidings_test_support::wait::eventually;

pub(crate) async fn a_handled_event_is_not_redelivered<B: TestBroker>(harness: Harness<B>) {
    let (recorder, mut log) = Recorder::idle();
    let app = start!(harness, recorder, [plain]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    let first = log.next().await;
    assert_eq!(
        (first.number, first.attempt(), first.delivery.redelivered()),
        (1, 1, false)
    );
    app.shutdown().await.unwrap();

    let _app = start!(harness, recorder, [plain]);
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    log.expect_nothing();
}

pub(crate) async fn an_unacked_event_is_redelivered_after_the_app_was_dropped<B: TestBroker>(
    harness: Harness<B>,
) {
    let (stuck, mut log) = Recorder::new(async |_| pending().await);
    let app = start!(harness, stuck, [plain]);
    harness.bus.publish(&placed("a", 1)).await.unwrap();
    assert!(!log.next().await.delivery.redelivered());
    drop(app);

    let _app = start!(harness, stuck.with_script(async |_| Ok(Vec::new())), [plain]);
    let again = log.next().await;
    assert_eq!(
        (again.number, again.attempt(), again.delivery.redelivered()),
        (1, 1, true)
    );
    harness.bus.publish(&placed("a", 2)).await.unwrap();
    assert_eq!(log.next().await.number, 2);
    harness.expect_no_dead_letters("plain").await;
}

pub(crate) async fn an_event_that_crashes_its_process_is_dead_lettered_and_others_are_handled<
    B: TestBroker,
>(
    harness: Harness<B>,
) {
    const CRASHING: u32 = 1;
    let (stuck, mut log) = Recorder::new(async |_| pending().await);
    let crashing = stuck.with_script(async |seen| {
        if seen.number == CRASHING {
            pending().await
        } else {
            Ok(Vec::new())
        }
    });
    let app = start!(harness, stuck, [plain]);
    for number in 1..=5 {
        harness.bus.publish(&placed("a", number)).await.unwrap();
    }
    log.take(5).await;
    drop(app);
    let app = start!(harness, stuck, [plain]);
    log.take(5).await;
    drop(app);

    let mut handled = BTreeSet::new();
    // The crash-loop limit is reached within six restarts.
    for _ in 0..6 {
        let app = start!(harness, crashing, [plain]);
        if crashed(&harness, &mut log, &mut handled).await {
            drop(app);
            continue;
        }
        // An event whose acknowledgement was lost in a crash is handled twice.
        while handled.len() < 4 {
            handled.insert(log.next().await.number);
        }
        assert_eq!(handled, BTreeSet::from([2, 3, 4, 5]));
        let dead_letter = harness.dead_letter("plain").await;
        assert_eq!(dead_letter.reason(), "crash-loop");
        assert!(
            dead_letter.body().contains("\"number\":1"),
            "{}",
            dead_letter.body()
        );
        return;
    }
    panic!("the event was redelivered too often");
}

/// Waits until the event that crashes its process runs again (`true`) or is dead-lettered (`false`).
async fn crashed<B: TestBroker>(harness: &Harness<B>, log: &mut Log, handled: &mut BTreeSet<u32>) -> bool {
    let dead_letters = format!("{}.dlq", harness.queue("plain"));
    eventually("the event to run again or to be dead-lettered", async || {
        while let Some(seen) = log.try_next() {
            match seen.number {
                1 => return Some(true),
                number => {
                    handled.insert(number);
                }
            }
        }
        let dead_letters = harness.broker.messages(&dead_letters).await;
        (!dead_letters.is_empty()).then_some(false)
    })
    .await
}
