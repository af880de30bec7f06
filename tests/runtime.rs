//! The runtime as its users see it, without a broker.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::error::PublishFault;
use tidings::health::HandlerState;
use tidings::testing::{MemoryServer, TestBus};
use tidings::{
    App, Bus, Delivery, DomainEvent, Error, Event, FromRef, HandlerError, Outcome, Reason, RunningApp, State,
    assert_not_published, assert_published, event_handler, handlers,
};

/// An order was placed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.placed", aggregate_id = order)]
struct Placed {
    order: String,
    number: u32,
}

/// An order was paid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.paid", aggregate_id = order)]
struct Paid {
    order: String,
    number: u32,
}

fn placed(order: &str, number: u32) -> Placed {
    Placed {
        order: order.to_owned(),
        number,
    }
}

fn paid(order: &str, number: u32) -> Paid {
    Paid {
        order: order.to_owned(),
        number,
    }
}

/// What the handlers saw, and whether they work.
#[derive(Clone, Default)]
struct World {
    seen: Arc<Mutex<Vec<(u32, u32)>>>,
    broken: Arc<AtomicBool>,
}

impl World {
    fn broken() -> Self {
        let world = Self::default();
        world.broken.store(true, Ordering::SeqCst);
        world
    }

    fn mend(&self) {
        self.broken.store(false, Ordering::SeqCst);
    }

    fn see(&self, number: u32, delivery: &Delivery) -> Result<(), HandlerError> {
        self.seen.lock().unwrap().push((number, delivery.attempt()));
        match self.broken.load(Ordering::SeqCst) {
            true => Err(HandlerError::retry("the gateway is down")),
            false => Ok(()),
        }
    }

    fn seen(&self) -> Vec<(u32, u32)> {
        self.seen.lock().unwrap().clone()
    }
}

#[event_handler]
async fn plain(event: Placed, delivery: Delivery, State(world): State<World>) -> Result<(), HandlerError> {
    world.see(event.number, &delivery)
}

#[event_handler(ordered_by = "aggregate_id", retry(attempts = 8, rungs = "5s"))]
async fn ordered(event: Placed, delivery: Delivery, State(world): State<World>) -> Result<(), HandlerError> {
    world.see(event.number, &delivery)
}

#[event_handler(ephemeral)]
async fn every(event: Placed, delivery: Delivery, State(world): State<World>) -> Result<(), HandlerError> {
    world.see(event.number, &delivery)
}

#[event_handler(retry(attempts = 3, rungs = "5m"))]
async fn patient(
    event: Placed,
    delivery: Delivery,
    State(world): State<World>,
) -> Result<Paid, HandlerError> {
    world.see(event.number, &delivery)?;
    Ok(paid(&event.order, event.number))
}

#[event_handler]
async fn ping(event: Placed) -> Paid {
    paid(&event.order, event.number)
}

#[event_handler]
async fn pong(event: Paid) -> Placed {
    placed(&event.order, event.number)
}

/// Starts an app with these handlers.
macro_rules! start {
    ($bus:expr, $world:expr, [$($handler:path),*]) => {
        App::new("shop")
            .state($world.clone())
            .handlers(handlers![$($handler),*])
            .start($bus)
            .await
            .expect("the app starts")
    };
}

mod test_bus {
    use super::*;

    #[tokio::test]
    async fn a_rung_of_five_minutes_takes_no_time() {
        let (bus, world) = (TestBus::new(), World::broken());
        let _app = start!(&bus, world, [patient]);
        let began = Instant::now();
        bus.publish(&placed("a", 1)).await.unwrap();
        bus.settled().await;
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert!(bus.elapsed() >= Duration::from_mins(10), "{:?}", bus.elapsed());
        assert_eq!(world.seen(), [(1, 1), (1, 2), (1, 3)]);
        let dead = bus.dead_letters();
        assert_eq!(dead.len(), 1);
        assert_eq!((dead[0].reason, dead[0].attempts), (Some(Reason::Failed), 3));
        assert_eq!(dead[0].error, "the gateway is down");
        assert_eq!(dead[0].routing_key, "order.placed");
        assert_not_published!(bus, Paid { .. });
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_a_handler_returned_is_published_when_it_has_settled() {
        for _ in 0..50 {
            let (bus, world) = (TestBus::new(), World::default());
            let _app = start!(&bus, world, [patient]);
            bus.publish(&placed("a", 7)).await.unwrap();
            bus.settled().await;
            assert_published!(bus, Paid { number: 7, .. });
        }
    }

    #[tokio::test]
    async fn a_ping_pong_ends_with_its_budget() {
        let bus = TestBus::new();
        let _app = App::new("shop")
            .handlers(handlers![ping, pong])
            .start(&bus)
            .await
            .unwrap();
        bus.publish(&placed("a", 1)).await.unwrap();
        let error = bus
            .settled_within(100, Duration::from_secs(10))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("100 is the budget") && error.contains("order.paid"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_handler_that_waits_for_ever_ends_with_the_deadline() {
        #[event_handler]
        async fn stuck(_: Placed) {
            pending().await
        }
        let bus = TestBus::new();
        let _app = App::new("shop")
            .handlers(handlers![stuck])
            .start(&bus)
            .await
            .unwrap();
        bus.publish(&placed("a", 1)).await.unwrap();
        let error = bus
            .settled_within(100, Duration::from_millis(50))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("still at work after 50ms"), "{error}");
    }

    #[tokio::test]
    async fn a_failing_assertion_lists_what_was_published_the_nearest_first() {
        let bus = TestBus::new();
        bus.publish_raw("weather.turned", r#"{"type":"weather.turned","data":{}}"#)
            .await;
        bus.publish(&paid("a", 1)).await.unwrap();
        bus.publish(&placed("a", 2)).await.unwrap();
        let failing = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            assert_published!(bus, Placed { number: 3, .. });
        }));
        let text = *failing.unwrap_err().downcast::<String>().unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert!(
            lines[0].contains("no `order.placed`") && lines[0].contains("number: 3"),
            "{text}"
        );
        assert!(lines[1].starts_with("order.placed {"), "{text}");
        assert!(lines[2].starts_with("order.paid {"), "{text}");
        assert!(lines[3].starts_with("weather.turned {"), "{text}");
    }

    #[tokio::test]
    async fn what_a_wildcard_caught_and_no_one_takes_is_listed_as_ignored() {
        #[event_handler("order.*")]
        async fn wild(_: Placed) {}
        let bus = TestBus::new();
        let _app = App::new("shop")
            .handlers(handlers![wild])
            .start(&bus)
            .await
            .unwrap();
        bus.publish(&paid("a", 1)).await.unwrap();
        bus.settled().await;
        let ignored = bus.ignored();
        assert_eq!(
            (ignored[0].handler, &*ignored[0].routing_key),
            ("wild", "order.paid")
        );
    }

    #[tokio::test]
    async fn a_resumed_handler_is_at_work_before_it_has_settled() {
        let (bus, world) = (TestBus::new(), World::default());
        let app = start!(&bus, world, [plain]);
        app.pause("plain").unwrap();
        bus.publish(&placed("a", 1)).await.unwrap();
        bus.settled().await;
        assert_eq!(world.seen(), []);
        app.resume("plain").unwrap();
        bus.settled().await;
        assert_eq!(world.seen(), [(1, 1)]);
    }
}

mod breaker {
    use super::*;

    /// Publishes 25 events to a broken handler, and mends it when it has been tried for a while.
    async fn breaks(bus: &TestBus, app: &RunningApp, handler: &str, world: &World) {
        for number in 1..=25 {
            bus.publish(&placed(&format!("order-{number}"), number))
                .await
                .unwrap();
        }
        let looking = async {
            while app.health().handler(handler).unwrap().state != HandlerState::BreakerOpen {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), looking)
            .await
            .expect("the breaker opens");
        world.mend();
        bus.settled().await;
        let mut handled: Vec<u32> = world.seen().iter().map(|(number, _)| *number).collect();
        handled.sort_unstable();
        handled.dedup();
        assert_eq!(handled, (1..=25).collect::<Vec<_>>());
        assert!(bus.dead_letters().is_empty());
        let health = app.health();
        assert!(health.is_ready(), "{health:?}");
        assert_eq!(health.handler(handler).unwrap().handled, 25);
        assert!(
            bus.elapsed() >= Duration::from_secs(1),
            "the first probe waits a second"
        );
    }

    #[tokio::test]
    async fn an_unordered_handler_returns_what_it_cannot_handle_and_then_handles_it() {
        let (bus, world) = (TestBus::new(), World::broken());
        let app = start!(&bus, world, [plain]);
        breaks(&bus, &app, "plain", &world).await;
    }

    #[tokio::test]
    async fn an_ordered_handler_holds_what_it_cannot_handle_and_waits_without_spinning() {
        let (bus, world) = (TestBus::new(), World::broken());
        let app = start!(&bus, world, [ordered]);
        breaks(&bus, &app, "ordered", &world).await;
    }

    #[tokio::test]
    async fn an_ephemeral_handler_keeps_its_queue_while_it_is_open() {
        let (bus, world) = (TestBus::new(), World::broken());
        let app = start!(&bus, world, [every]);
        breaks(&bus, &app, "every", &world).await;
    }
}
