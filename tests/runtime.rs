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
    App, Bus, Declare, Delivery, DomainEvent, Error, Event, FromRef, HandlerError, Outcome, Reason,
    RunningApp, State, assert_not_published, assert_published, event_handler, handlers,
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
        if self.broken.load(Ordering::SeqCst) {
            return Err(HandlerError::retry("the gateway is down"));
        }
        Ok(())
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
            pending::<()>().await;
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
        let mut numbers: Vec<u32> = world.seen().iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers, (1..=25).collect::<Vec<_>>());
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

mod publishing {
    use super::*;

    fn error(result: Result<String, Error>) -> tidings::error::PublishError {
        match result {
            Err(Error::Publish(error)) => error,
            other => panic!("not a publish error: {other:?}"),
        }
    }

    #[tokio::test]
    async fn a_broker_that_is_away_fails_a_publish_by_its_deadline_and_never_has_the_event() {
        let server = MemoryServer::new();
        let world = World::default();
        let bus = server.bus(Bus::builder().publish_timeout(Duration::from_millis(50)));
        let _app = start!(&bus, world, [plain]);
        server.go_down();
        assert!(!bus.health().is_ready());
        let error = error(bus.publish(&placed("a", 1)).await);
        assert!(matches!(error.fault(), PublishFault::TimedOut(_)), "{error:?}");
        assert!(!error.maybe_delivered(), "{error}");
        server.come_back();
        bus.publish(&placed("a", 2)).await.unwrap();
        let looking = async {
            while world.seen().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), looking)
            .await
            .expect("the second arrives");
        assert_eq!(world.seen(), [(2, 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_publish_is_tried_again_three_times_and_may_then_have_been_delivered() {
        let server = MemoryServer::new();
        let bus = server.bus(Bus::builder());
        let began = tokio::time::Instant::now();
        server.refuse_next("domain_events", 3);
        bus.publish(&placed("a", 1)).await.expect("the fourth is taken");
        assert_eq!(began.elapsed().as_millis() / 100, 62, "after 0.2, 1 and 5 s");

        server.refuse_next("domain_events", 4);
        let error = error(bus.publish(&placed("a", 2)).await);
        assert!(matches!(error.fault(), PublishFault::Refused(_)), "{error:?}");
        assert!(error.maybe_delivered(), "{error}");
        assert!(error.to_string().contains("may have been delivered"), "{error}");
    }

    #[tokio::test]
    async fn a_closed_bus_says_so() {
        let bus = Bus::in_memory();
        bus.close().await;
        let error = error(bus.publish(&placed("a", 1)).await);
        assert!(matches!(error.fault(), PublishFault::Closed), "{error:?}");
        assert!(!error.maybe_delivered());
    }

    #[tokio::test]
    async fn a_password_is_in_no_error_and_in_no_debug_text() {
        let url = "amqp://user:secret@nowhere.invalid:1/vhost";
        let builder = Bus::builder().connect_timeout(Duration::from_millis(200));
        assert!(!format!("{builder:?}").contains("secret"));
        let Err(error) = builder.connect(url).await else {
            panic!("nobody is there");
        };
        let mut texts = vec![format!("{error:?}")];
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = cause {
            texts.push(error.to_string());
            cause = error.source();
        }
        assert!(texts.iter().all(|text| !text.contains("secret")), "{texts:?}");
    }
}

mod errors {
    use super::*;

    /// An error that cannot say what it is.
    #[derive(Debug)]
    struct Mute;

    impl std::fmt::Display for Mute {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("no words")
        }
    }

    impl std::error::Error for Mute {}

    #[event_handler(retry(attempts = 2, rungs = "1s"))]
    async fn charge(_order: Placed) -> Result<(), Mute> {
        Err(Mute)
    }

    #[tokio::test]
    async fn an_error_that_panics_when_it_is_written_is_retried_and_dead_lettered_like_any_other() {
        let bus = TestBus::new();
        let _app = App::new("shop")
            .handlers(handlers![charge])
            .start(&bus)
            .await
            .unwrap();
        bus.publish(&placed("o-1", 1)).await.unwrap();
        bus.settled().await;
        let dead = bus.dead_letters();
        assert_eq!(dead.len(), 1, "{dead:?}");
        assert_eq!((dead[0].attempts, dead[0].reason), (2, Some(Reason::Failed)));
        assert!(dead[0].error.contains("panicked"), "{}", dead[0].error);
    }
}

#[tokio::test]
async fn what_is_published_belongs_to_the_context_in_which_it_is_awaited() {
    let bus = TestBus::new();
    let context = tidings::Context::new("request-7").unwrap();
    context
        .clone()
        .scope(bus.publish(&placed("o-1", 1)))
        .await
        .unwrap();
    let events = [placed("o-2", 2), placed("o-3", 3)];
    for result in context.scope(bus.publish_all(&events)).await {
        result.unwrap();
    }
    let correlations: Vec<String> = bus
        .published::<Placed>()
        .iter()
        .map(|event| event.correlation_id().to_owned())
        .collect();
    assert_eq!(correlations, ["request-7"; 3]);
}

mod settling {
    use tokio::sync::mpsc;
    use tokio::time::{Instant, timeout};

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(30);

    /// A broker to trouble, and where the handlers tell what they do.
    #[derive(Clone)]
    struct Stage {
        server: MemoryServer,
        told: mpsc::UnboundedSender<String>,
    }

    fn stage() -> (Stage, mpsc::UnboundedReceiver<String>) {
        let (told, heard) = mpsc::unbounded_channel();
        let server = MemoryServer::new();
        (Stage { server, told }, heard)
    }

    async fn hear(heard: &mut mpsc::UnboundedReceiver<String>) -> String {
        timeout(DEADLINE, heard.recv())
            .await
            .expect("in time")
            .expect("a handler tells")
    }

    #[event_handler]
    async fn charge(order: Placed, State(stage): State<Stage>) -> Paid {
        stage.told.send("charged".to_owned()).unwrap();
        stage.server.refuse_next("domain_events", 6);
        paid(&order.order, order.number)
    }

    #[event_handler]
    async fn note(paid: Paid, State(stage): State<Stage>) {
        stage.told.send(format!("noted {}", paid.order)).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_handler_returned_is_tried_on_until_it_is_taken_and_the_handler_runs_once() {
        let (stage, mut heard) = stage();
        let bus = stage.server.bus(Bus::builder());
        let app = App::new("shop")
            .state(stage)
            .handlers(handlers![charge, note])
            .start(&bus)
            .await
            .unwrap();
        bus.publish(&placed("o-1", 1)).await.unwrap();
        assert_eq!(hear(&mut heard).await, "charged");
        assert_eq!(hear(&mut heard).await, "noted o-1");
        app.shutdown().await.unwrap();
        assert!(heard.try_recv().is_err(), "the handler ran once");
    }

    #[event_handler(name = "refuse")]
    async fn refuse(_: Placed, State(stage): State<Stage>) -> Result<(), HandlerError> {
        stage.told.send("refused".to_owned()).unwrap();
        stage.server.refuse_next("shop.dead", 9);
        Err(HandlerError::reject("no such card"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_letter_that_is_not_taken_keeps_its_delivery_and_the_health_says_why() {
        let (stage, mut heard) = stage();
        let server = stage.server.clone();
        let bus = server.bus(Bus::builder());
        let app = App::new("shop")
            .state(stage)
            .handlers(handlers![refuse])
            .start(&bus)
            .await
            .unwrap();
        bus.publish(&placed("o-1", 1)).await.unwrap();
        assert_eq!(hear(&mut heard).await, "refused");
        let mut troubles = Vec::new();
        timeout(Duration::from_mins(5), async {
            while server.messages("shop.refuse.dlq").is_empty() {
                assert_eq!(
                    server.messages("shop.refuse").len(),
                    1,
                    "unsettled until its dead letter is taken"
                );
                troubles.extend(
                    app.health()
                        .handler("refuse")
                        .and_then(|health| health.trouble.clone()),
                );
                tokio::time::advance(Duration::from_millis(100)).await;
            }
        })
        .await
        .expect("it is taken at last");
        assert!(
            troubles.iter().any(|why| why.contains("dead-letter queue")),
            "{troubles:?}"
        );
        app.shutdown().await.unwrap();
        assert!(server.messages("shop.refuse").is_empty());
        assert!(heard.try_recv().is_err(), "the handler ran once");
    }

    #[event_handler(name = "stumble", retry(attempts = 2, rungs = "1s"))]
    async fn stumble(_: Placed, delivery: Delivery, State(stage): State<Stage>) -> Result<(), HandlerError> {
        stage
            .told
            .send(format!("attempt {}", delivery.attempt()))
            .unwrap();
        if delivery.attempt() == 2 {
            return Ok(());
        }
        stage.server.refuse_next("shop.delay", 9);
        Err(HandlerError::retry("not yet"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_retry_that_is_not_taken_keeps_its_delivery() {
        let (stage, mut heard) = stage();
        let server = stage.server.clone();
        let bus = server.bus(Bus::builder());
        let app = App::new("shop")
            .state(stage)
            .handlers(handlers![stumble])
            .start(&bus)
            .await
            .unwrap();
        bus.publish(&placed("o-1", 1)).await.unwrap();
        assert_eq!(hear(&mut heard).await, "attempt 1");
        timeout(Duration::from_mins(5), async {
            while server.messages("shop.stumble.delay.1s").is_empty() {
                assert_eq!(
                    server.messages("shop.stumble").len(),
                    1,
                    "unsettled until its retry is taken"
                );
                tokio::time::advance(Duration::from_millis(100)).await;
            }
        })
        .await
        .expect("it is taken at last");
        assert_eq!(hear(&mut heard).await, "attempt 2");
        app.shutdown().await.unwrap();
    }

    #[event_handler(name = "again", retry(attempts = 2, rungs = "1s"))]
    async fn again(_: Placed, delivery: Delivery, State(stage): State<Stage>) -> Result<(), HandlerError> {
        let attempt = delivery.attempt();
        stage.told.send(format!("attempt {attempt}")).unwrap();
        if attempt == 2 {
            return Ok(());
        }
        Err(HandlerError::retry("not yet"))
    }

    /// A quorum queue whose node is killed right after it was declared comes back empty.
    #[tokio::test(start_paused = true)]
    async fn a_delay_is_declared_at_first_use_and_its_delivery_kept_until_it_is_to_be_trusted() {
        const FRESH: Duration = Duration::from_secs(10);
        let (told, mut heard) = mpsc::unbounded_channel();
        let server = MemoryServer::with_fresh_queues_for(FRESH);
        let stage = Stage {
            server: server.clone(),
            told,
        };
        let bus = server.bus(Bus::builder());
        let app = App::new("shop").state(stage).handlers(handlers![again]);
        let app = app.start(&bus).await.unwrap();
        assert!(
            !server.delete_queue("shop.again.delay.1s"),
            "nothing has failed yet"
        );
        let began = Instant::now();
        let has = async |count: usize| {
            timeout(DEADLINE, async {
                while server.messages("shop.again").len() != count {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            })
            .await
            .unwrap_or_else(|_| panic!("{count} are held"));
        };
        bus.publish(&placed("o-1", 1)).await.unwrap();
        assert_eq!(hear(&mut heard).await, "attempt 1");
        assert_eq!(hear(&mut heard).await, "attempt 2");
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "the retry does not wait for it"
        );
        has(1).await;
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "the first attempt alone is kept"
        );
        has(0).await;
        assert!(began.elapsed() >= FRESH, "{:?}", began.elapsed());

        let began = Instant::now();
        bus.publish(&placed("o-2", 2)).await.unwrap();
        assert_eq!(hear(&mut heard).await, "attempt 1");
        has(0).await;
        assert_eq!(server.messages("shop.again.delay.1s").len(), 1);
        assert!(began.elapsed() < Duration::from_secs(1), "it is old enough now");
        assert_eq!(hear(&mut heard).await, "attempt 2");

        assert!(server.delete_queue("shop.again.delay.1s"));
        bus.publish(&placed("o-3", 3)).await.unwrap();
        assert_eq!(hear(&mut heard).await, "attempt 1");
        assert_eq!(hear(&mut heard).await, "attempt 2");
        has(1).await;
        app.shutdown().await.unwrap();
        assert!(server.messages("shop.again").is_empty());
    }

    /// Who makes nothing finds all that a retry may need, or does not start.
    #[tokio::test(start_paused = true)]
    async fn delays_that_are_verified_are_declared_before_the_start() {
        let (stage, mut heard) = stage();
        let server = stage.server.clone();
        let app = || App::new("shop").state(stage.clone()).handlers(handlers![again]);
        let (makes, looks) = (
            server.bus(Bus::builder()),
            server.bus(Bus::builder().declare(Declare::Verify)),
        );
        app().start(&makes).await.unwrap().shutdown().await.unwrap();
        let error = app().start(&looks).await.unwrap_err();
        assert!(error.to_string().contains("`shop.again.delay.1s`"), "{error}");
        assert!(app().declare(&looks).await.is_err(), "it makes nothing");
        app().declare(&makes).await.unwrap();
        for bus in [looks, server.bus(Bus::builder().declare(Declare::Off))] {
            let app = app().start(&bus).await.unwrap();
            bus.publish(&placed("o-1", 1)).await.unwrap();
            assert_eq!(hear(&mut heard).await, "attempt 1");
            assert_eq!(hear(&mut heard).await, "attempt 2");
            app.shutdown().await.unwrap();
        }
    }

    #[event_handler(name = "bury")]
    async fn bury(_: Placed, State(stage): State<Stage>) -> Result<(), HandlerError> {
        assert!(stage.server.delete_queue("shop.bury.dlq"));
        stage.told.send("buried".to_owned()).unwrap();
        Err(HandlerError::reject("no such card"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_letter_whose_queue_is_gone_is_kept_until_there_is_one_again() {
        let (stage, mut heard) = stage();
        let server = stage.server.clone();
        let bus = server.bus(Bus::builder());
        let app = App::new("shop")
            .state(stage)
            .handlers(handlers![bury])
            .start(&bus)
            .await
            .unwrap();
        bus.publish(&placed("o-1", 1)).await.unwrap();
        assert_eq!(hear(&mut heard).await, "buried");
        timeout(Duration::from_mins(5), async {
            while server.messages("shop.bury.dlq").is_empty() {
                assert_eq!(
                    server.messages("shop.bury").len(),
                    1,
                    "unsettled until its dead letter is taken"
                );
                tokio::time::advance(Duration::from_millis(100)).await;
            }
        })
        .await
        .expect("its queue is declared again, and takes it");
        app.shutdown().await.unwrap();
        assert!(server.messages("shop.bury").is_empty());
    }

    #[event_handler(name = "linger")]
    async fn linger(_: Placed, delivery: Delivery, State(stage): State<Stage>) {
        stage
            .told
            .send(format!(
                "attempt {}, again {}",
                delivery.attempt(),
                delivery.redelivered()
            ))
            .unwrap();
        if !delivery.redelivered() {
            pending::<()>().await;
        }
    }

    #[tokio::test]
    async fn a_delivery_that_is_held_too_long_returns_to_its_queue() {
        let (stage, mut heard) = stage();
        let bus = stage
            .server
            .bus(Bus::builder().hold_limit(Duration::from_millis(300)));
        let app = App::new("shop")
            .state(stage)
            .handlers(handlers![linger])
            .start(&bus)
            .await
            .unwrap();
        bus.publish(&placed("o-1", 1)).await.unwrap();
        assert_eq!(hear(&mut heard).await, "attempt 1, again false");
        assert_eq!(hear(&mut heard).await, "attempt 1, again true");
        app.shutdown().await.unwrap();
    }
}

mod middleware {
    use super::*;

    type Steps = Arc<Mutex<Vec<String>>>;

    fn note(steps: &Steps, what: &str) {
        steps.lock().unwrap().push(what.to_owned());
    }

    #[tokio::test]
    async fn the_first_one_is_outermost_and_a_handlers_own_is_innermost() {
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
    async fn one_may_put_another_outcome_in_place_of_the_handlers() {
        let (bus, world) = (TestBus::new(), World::broken());
        let _app = App::new("shop")
            .state(world.clone())
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
        assert_eq!(world.seen(), [(1, 1)]);
        assert_eq!(bus.dead_letters()[0].reason, Some(Reason::Rejected));
    }

    #[tokio::test]
    async fn one_may_decide_without_the_handler() {
        let (bus, world) = (TestBus::new(), World::default());
        let _app = App::new("shop")
            .state(world.clone())
            .around(async |_: Delivery, _: tidings::Next| Outcome::done())
            .handlers(handlers![plain])
            .start(&bus)
            .await
            .unwrap();
        bus.publish(&placed("a", 1)).await.unwrap();
        bus.settled().await;
        assert_eq!(world.seen(), []);
        assert!(bus.dead_letters().is_empty());
    }
}

mod app {
    use super::*;

    #[event_handler("order.placed", name = "ping")]
    async fn twin(_: Placed) {}

    #[event_handler("order.placed", queue = "ping")]
    async fn lodger(_: Placed) {}

    #[tokio::test]
    async fn every_fault_is_reported_at_once_across_the_lists() {
        let app = App::new("the.shop")
            .handlers(handlers![ping])
            .handlers(handlers![twin, pong])
            .handlers(handlers![lodger])
            .around_handler("nobody", async |delivery: Delivery, next: tidings::Next| {
                next.run(delivery).await
            });
        let Err(Error::Start(error)) = app.start(Bus::in_memory()).await else {
            panic!("it must not start");
        };
        let faults = error.faults().join("\n");
        for part in [
            "`the.shop` is no service name",
            "two handlers are named `ping`",
            "both take \"order.placed\" from queue `ping`",
            "no handler `nobody`",
        ] {
            assert!(faults.contains(part), "{part} is missing:\n{faults}");
        }
        let text = error.to_string();
        assert!(
            error.faults().iter().all(|fault| text.contains(fault)),
            "the text has them all: {text}"
        );
    }

    #[derive(Clone)]
    struct Gateway(&'static str);

    #[derive(Clone)]
    struct Tariff(u32);

    struct Parts {
        gateway: Gateway,
        tariff: Tariff,
        seen: Arc<AtomicU32>,
    }

    impl FromRef<Parts> for Gateway {
        fn from_ref(parts: &Parts) -> Self {
            parts.gateway.clone()
        }
    }

    impl FromRef<Parts> for Tariff {
        fn from_ref(parts: &Parts) -> Self {
            parts.tariff.clone()
        }
    }

    impl FromRef<Parts> for Arc<AtomicU32> {
        fn from_ref(parts: &Parts) -> Self {
            Arc::clone(&parts.seen)
        }
    }

    #[event_handler]
    async fn charge(
        event: Event<Placed>,
        State(gateway): State<Gateway>,
        State(Tariff(each)): State<Tariff>,
        State(seen): State<Arc<AtomicU32>>,
    ) {
        assert_eq!(gateway.0, "bank");
        seen.fetch_add(each * event.number, Ordering::SeqCst);
    }

    #[tokio::test]
    async fn a_handler_takes_the_parts_of_the_one_state() {
        let (bus, seen) = (TestBus::new(), Arc::new(AtomicU32::new(0)));
        let parts = Parts {
            gateway: Gateway("bank"),
            tariff: Tariff(10),
            seen: Arc::clone(&seen),
        };
        let _app = App::new("shop")
            .state(parts)
            .handlers(handlers![charge])
            .start(&bus)
            .await
            .unwrap();
        bus.publish(&placed("a", 7)).await.unwrap();
        bus.settled().await;
        assert_eq!(seen.load(Ordering::SeqCst), 70);
    }

    #[test]
    fn a_description_is_a_page_for_people() {
        let app = App::new("shop")
            .state(World::default())
            .handlers(handlers![patient, every]);
        insta::assert_snapshot!(app.describe().to_string());
    }

    #[test]
    fn a_description_names_what_is_retired() {
        let app = App::new("shop")
            .handlers(handlers![ping])
            .retired("cashier", ["order.placed", "order.#"])
            .retired("ping", ["order.*"]);
        let description = app.describe();
        let text = description.to_string();
        for line in [
            "\nretired shop.cashier, unbound from order.placed, order.#, drained to the orphans\n",
            "\nretired shop.ping, unbound from order.*\n",
        ] {
            assert!(text.contains(line), "{line} is missing:\n{text}");
        }
        assert_eq!(description.retired[0].queue, "shop.cashier");
        assert!(description.retired[0].drained && !description.retired[1].drained);
        assert!(
            !description
                .plan
                .queues
                .iter()
                .any(|queue| queue.name == "shop.cashier")
        );
    }

    #[tokio::test]
    async fn what_cannot_be_retired_is_a_fault() {
        let app = App::new("shop")
            .handlers(handlers![ping])
            .retired("ping", ["order.placed"])
            .retired("cashier", Vec::<String>::new())
            .retired("orphans", ["#"])
            .retired("ping.dlq", ["#"]);
        let Err(Error::Start(error)) = app.start(Bus::in_memory()).await else {
            panic!("it must not start");
        };
        assert_eq!(
            error.faults(),
            [
                "pattern \"order.placed\" of queue `ping` is retired, and handler `ping` still has it",
                "retired queue `cashier` names no patterns; write those it was bound by, as in `.retired(\"cashier\", \
                 [\"order.created\"])`",
                "`orphans` is no handler's queue and cannot be retired; write the handler's name, or its `queue`, \
                 without the service's name",
                "`ping.dlq` is no handler's queue and cannot be retired; write the handler's name, or its `queue`, \
                 without the service's name",
            ]
        );
    }

    #[tokio::test]
    async fn a_service_whose_last_handler_is_retired_still_starts_and_ends() {
        let server = MemoryServer::new();
        let before = App::new("shop").handlers(handlers![ping]);
        let before = before.start(server.bus(Bus::builder())).await.unwrap();
        before.shutdown().await.unwrap();
        let bus = server.bus(Bus::builder());
        bus.publish(&placed("a", 1)).await.unwrap();
        // Where others lay out the topology nothing is unbound, and nothing is taken.
        let careful = server.bus(Bus::builder().declare(tidings::Declare::Verify));
        let app = App::new("shop").retired("ping", ["order.placed"]);
        app.start(careful).await.unwrap().shutdown().await.unwrap();
        assert_eq!(server.messages("shop.ping").len(), 1);
        let app = App::new("shop").retired("ping", ["order.placed"]);
        let app = app.start(&bus).await.unwrap();
        tokio::time::timeout(Duration::from_secs(30), async {
            while server.messages("shop.orphans").is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        assert!(app.health().is_ready());
        app.shutdown().await.unwrap();
        assert!(server.messages("shop.ping").is_empty());
    }
}

#[test]
fn the_readme_shows_the_quickstart_as_it_is() {
    let readme = include_str!("../README.md");
    let quickstart = include_str!("../examples/quickstart/src/main.rs");
    let code = quickstart.split_once("\n\n").expect("a comment, then the code").1;
    assert!(
        readme.contains(code),
        "copy examples/quickstart/src/main.rs into README.md"
    );
}
