//! What becomes of an attempt, whatever the handler does: small, so that `cargo xtask mutate` builds it quickly.

use std::fmt;
use std::future::pending;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::testing::{MemoryServer, TestBus};
use tidings::{
    App, Bus, Delivery, DomainEvent, FromDelivery, HandlerError, PublishOptions, Reason, Rejection, State,
    event_handler, handlers,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

/// What a handler is to do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
enum Deed {
    Finish,
    Panic,
    PanicWithBomb,
    FailWithBomb,
    DropBomb,
    DropBombOfPart,
    DropBombWhenTimeIsUp,
    NeverEnd,
}

/// A handler was asked for something.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "deed.asked", aggregate_id = by)]
struct Asked {
    by: u32,
    deed: Deed,
}

/// A handler did it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "deed.done", aggregate_id = by)]
struct Done {
    by: u32,
    deed: Deed,
}

fn asked(deed: Deed) -> Asked {
    Asked { by: 1, deed }
}

/// Panics when it is dropped, if it is live.
#[derive(Debug)]
struct Bomb(bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        // A second panic while the first unwinds ends the process, which is the language's rule.
        assert!(!self.0 || std::thread::panicking(), "the bomb went off");
    }
}

impl FromDelivery<Log> for Bomb {
    async fn from_delivery(delivery: &Delivery, _: &Log) -> Result<Self, Rejection> {
        let asked = delivery.event().decode::<Asked>();
        Ok(Self(asked.is_ok_and(|asked| asked.deed == Deed::DropBombOfPart)))
    }
}

/// An error with a bomb in it.
#[derive(Debug)]
struct Explosive(#[allow(dead_code)] Bomb);

impl fmt::Display for Explosive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is explosive")
    }
}

impl std::error::Error for Explosive {}

type Log = mpsc::UnboundedSender<(Deed, u32)>;

#[event_handler(timeout = "100ms", retry(attempts = 2, rungs = "1s"))]
async fn act(
    asked: Asked,
    delivery: Delivery,
    _part: Bomb,
    State(log): State<Log>,
) -> Result<Done, HandlerError> {
    log.send((asked.deed, delivery.attempt())).unwrap();
    match asked.deed {
        Deed::Finish | Deed::DropBombOfPart => {}
        Deed::Panic => panic!("the cat is out"),
        Deed::PanicWithBomb => std::panic::panic_any(Bomb(true)),
        Deed::FailWithBomb => return Err(HandlerError::retry(Explosive(Bomb(true)))),
        Deed::DropBomb => drop(Bomb(true)),
        Deed::DropBombWhenTimeIsUp => {
            let _bomb = Bomb(true);
            pending::<()>().await;
        }
        Deed::NeverEnd => pending().await,
    }
    Ok(Done {
        by: asked.by,
        deed: asked.deed,
    })
}

/// Asks for the deed, and for one that is well: the first is tried twice and dead-lettered, the second handled.
async fn comes_to_nothing(deed: Deed, said: &str) {
    let (log, mut heard) = mpsc::unbounded_channel();
    let bus = TestBus::new();
    let app = App::new("shop")
        .state(log)
        .handlers(handlers![act])
        .start(&bus)
        .await
        .unwrap();
    for deed in [deed, Deed::Finish] {
        bus.publish(&asked(deed)).await.unwrap();
        bus.settled_within(100, DEADLINE).await.unwrap();
    }
    assert_eq!(heard.recv().await, Some((deed, 1)));
    assert_eq!(heard.recv().await, Some((deed, 2)));
    assert_eq!(heard.recv().await, Some((Deed::Finish, 1)));
    let letters = bus.dead_letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(
        (letters[0].attempts, letters[0].reason),
        (2, Some(Reason::Failed))
    );
    assert!(letters[0].error.contains(said), "{}", letters[0].error);
    let done = bus.published::<Done>();
    assert_eq!(done.len(), 1, "{done:?}");
    timeout(DEADLINE, app.shutdown()).await.expect("in time").unwrap();
}

#[tokio::test]
async fn a_panic_is_retried_and_dead_lettered() {
    comes_to_nothing(Deed::Panic, "the cat is out").await;
}

#[tokio::test]
async fn a_panic_whose_payload_panics_in_turn_is_retried_and_dead_lettered() {
    comes_to_nothing(Deed::PanicWithBomb, "panicked").await;
}

#[tokio::test]
async fn an_error_that_panics_when_it_is_dropped_is_retried_and_dead_lettered() {
    comes_to_nothing(Deed::FailWithBomb, "it is explosive").await;
}

#[tokio::test]
async fn a_handler_whose_drop_panics_is_retried_and_dead_lettered() {
    comes_to_nothing(Deed::DropBomb, "the bomb went off").await;
}

#[tokio::test]
async fn a_part_of_a_delivery_whose_drop_panics_is_retried_and_dead_lettered() {
    comes_to_nothing(Deed::DropBombOfPart, "the bomb went off").await;
}

#[tokio::test]
async fn a_drop_that_panics_when_the_time_is_up_is_retried_and_dead_lettered() {
    comes_to_nothing(Deed::DropBombWhenTimeIsUp, "the bomb went off").await;
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_retried_and_dead_lettered() {
    comes_to_nothing(Deed::NeverEnd, "longer than 100ms").await;
}

#[tokio::test]
async fn a_handler_that_runs_twice_publishes_the_same_fact_twice() {
    let (log, _heard) = mpsc::unbounded_channel();
    let bus = TestBus::new();
    let _app = App::new("shop")
        .state(log)
        .handlers(handlers![act])
        .start(&bus)
        .await
        .unwrap();
    for _ in 0..2 {
        let same = PublishOptions::new().id("one-and-the-same");
        bus.publish_with(&asked(Deed::Finish), same).await.unwrap();
        bus.settled_within(100, DEADLINE).await.unwrap();
    }
    let done = bus.published::<Done>();
    assert_eq!(done.len(), 2, "{done:?}");
    assert_eq!(done[0].id(), done[1].id());
}

#[tokio::test(start_paused = true)]
async fn a_handler_whose_queue_was_deleted_takes_from_a_new_one() {
    let (log, mut heard) = mpsc::unbounded_channel();
    let server = MemoryServer::new();
    let bus = server.bus(Bus::builder());
    let app = App::new("shop")
        .state(log)
        .handlers(handlers![act])
        .start(&bus)
        .await
        .unwrap();
    assert!(server.delete_queue("shop.act"));
    for ready in [false, true] {
        timeout(DEADLINE, async {
            while app.health().is_ready() != ready {
                tokio::time::advance(Duration::from_millis(10)).await;
            }
        })
        .await
        .expect("the health tells");
    }
    bus.publish(&asked(Deed::Finish)).await.unwrap();
    let first = timeout(DEADLINE, heard.recv()).await.expect("in time");
    assert_eq!(first, Some((Deed::Finish, 1)));
    app.shutdown().await.unwrap();
}
