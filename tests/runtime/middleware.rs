//! The order of middleware, and how middleware changes an outcome.

use std::sync::{Arc, Mutex};

use tidings::testing::TestBus;
use tidings::{App, Delivery, Outcome, Reason, assert_published, handlers};

use crate::handlers::{Paid, Recorder, ping, placed, plain};

type Steps = Arc<Mutex<Vec<String>>>;

fn note(steps: &Steps, what: &str) {
    steps.lock().unwrap().push(what.to_owned());
}

#[tokio::test]
async fn the_first_middleware_is_outermost_and_that_of_a_handler_is_innermost() {
    let (bus, steps) = (TestBus::new(), Steps::default());
    let around = |name: &'static str| {
        let steps = Arc::clone(&steps);
        move |delivery: Delivery, next: tidings::Next| {
            let steps = Arc::clone(&steps);
            async move {
                note(&steps, &format!("{name} in"));
                let outcome = next.run(delivery).await;
                note(&steps, &format!("{name} out"));
                outcome
            }
        }
    };
    let _app = App::new("shop")
        .around(around("first"))
        .around_handler("ping", around("own"))
        .around(around("second"))
        .handlers(handlers![ping])
        .start(&bus)
        .await
        .unwrap();
    bus.publish(&placed("a", 1)).await.unwrap();
    bus.settled().await;
    assert_eq!(
        *steps.lock().unwrap(),
        [
            "first in",
            "second in",
            "own in",
            "own out",
            "second out",
            "first out"
        ]
    );
    assert_published!(bus, Paid { .. });
}

#[tokio::test]
async fn middleware_can_replace_the_outcome() {
    let (bus, recorder) = (TestBus::new(), Recorder::failing());
    let _app = App::new("shop")
        .state(recorder.clone())
        .around(async |delivery: Delivery, next: tidings::Next| {
            let outcome = next.run(delivery).await;
            match outcome.error() {
                Some(error) => Outcome::reject(error.to_string()),
                None => outcome,
            }
        })
        .handlers(handlers![plain])
        .start(&bus)
        .await
        .unwrap();
    bus.publish(&placed("a", 1)).await.unwrap();
    bus.settled().await;
    assert_eq!(recorder.seen(), [(1, 1)]);
    assert_eq!(bus.dead_letters()[0].reason, Some(Reason::Rejected));
}

#[tokio::test]
async fn middleware_can_return_an_outcome_without_running_the_handler() {
    let (bus, recorder) = (TestBus::new(), Recorder::default());
    let _app = App::new("shop")
        .state(recorder.clone())
        .around(async |_: Delivery, _: tidings::Next| Outcome::done())
        .handlers(handlers![plain])
        .start(&bus)
        .await
        .unwrap();
    bus.publish(&placed("a", 1)).await.unwrap();
    bus.settled().await;
    assert_eq!(recorder.seen(), []);
    assert!(bus.dead_letters().is_empty());
}
