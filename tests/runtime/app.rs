//! The app: start errors, state, description and retirement.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::json;
use tidings::health::HandlerState;
use tidings::testing::{MemoryServer, TestBus};
use tidings::{AnyEvent, App, Bus, Delivery, Error, Event, FromRef, State, event_handler, handlers};

use tidings_test_support::wait::within;

use crate::handlers::{Placed, Recorder, every, patient, ping, placed, pong};

#[event_handler("order.placed", name = "ping")]
async fn same_name(_: Placed) {}

#[event_handler("order.placed", queue = "ping")]
async fn same_queue(_: Placed) {}

#[event_handler("order.*", queue = "ping")]
async fn any_on_same_queue(_: AnyEvent) {}

#[tokio::test]
async fn all_start_errors_of_all_lists_are_reported_together() {
    let app = App::new("the.shop")
        .handlers(handlers![ping])
        .handlers(handlers![same_name, pong])
        .handlers(handlers![same_queue])
        .handlers(handlers![any_on_same_queue])
        .around_handler("nobody", async |delivery: Delivery, next: tidings::Next| {
            next.run(delivery).await
        });
    let Err(Error::Start(error)) = app.start(Bus::in_memory()).await else {
        panic!("the app must not start");
    };
    let errors = error.faults().join("\n");
    for part in [
        "`the.shop` is not a service name",
        "two handlers are named `ping`",
        "`ping` and `same_queue` both take \"order.placed\" from queue `ping`",
        "`ping` and `any_on_same_queue` both take \"order.placed\" from queue `ping`",
        "no handler `nobody`",
    ] {
        assert!(errors.contains(part), "{part} is missing:\n{errors}");
    }
    let text = error.to_string();
    assert!(
        error.faults().iter().all(|fault| text.contains(fault)),
        "the text contains all errors: {text}"
    );
}

#[tokio::test]
async fn the_health_of_an_app_is_json() {
    let server = MemoryServer::new();
    let bus = server.bus(Bus::builder());
    let app = App::new("shop").handlers(handlers![ping]);
    let running = app.start(&bus).await.unwrap();
    let handler = json!({
        "name": "ping", "queue": "shop.ping", "state": { "name": "running" }, "trouble": null, "last_end": null,
        "handled": 0, "retried": 0, "dead_lettered": 0, "ignored": 0, "set_aside": 0,
    });
    let bus = json!({ "connected": true, "reason": null, "oldest_publish_seconds": null });
    let health = json!({ "ready": true, "bus": bus, "handlers": [handler] });
    assert_eq!(serde_json::to_value(running.health()).unwrap(), health);
    let failing = HandlerState::Failing("no permission".to_owned());
    let failing_json = json!({ "name": "failing", "reason": "no permission" });
    assert_eq!(serde_json::to_value(failing).unwrap(), failing_json);
}

#[test]
fn the_description_of_an_app_is_json() {
    let app = App::new("shop")
        .state(Recorder::default())
        .handlers(handlers![patient])
        .retired("old", ["order.placed"]);
    let description = serde_json::to_value(app.describe()).unwrap();
    let event = |event_type: &str, rust_type: &str, description: &str| {
        json!({
            "event_type": event_type, "version": 1, "routing_key": event_type, "key_pattern": event_type,
            "rust_type": rust_type, "description": description, "deprecated": null,
        })
    };
    let handler = json!({
        "name": "patient", "function": "runtime::handlers::patient", "description": null, "queue": "shop.patient",
        "patterns": ["order.placed"],
        "takes": [event("order.placed", "runtime::handlers::Placed", "An order was placed.")], "takes_any": false,
        "returns": [event("order.paid", "runtime::handlers::Paid", "An order was paid.")],
        "attempts": 3, "rungs": ["5m"], "timeout": "30s", "concurrency": 64, "prefetch": 256, "breaker": 20,
        "ordered": false, "pauses_on_dead_letter": false, "single_active": false, "ephemeral": false,
    });
    assert_eq!(description["handlers"], json!([handler]));
    let retired = json!([{ "queue": "shop.old", "patterns": ["order.placed"], "drained": true }]);
    assert_eq!(description["retired"], retired);
    assert_eq!(description["service"], "shop");
    assert_eq!(description["exchange"], "domain_events");
    assert_eq!(description["permissions"]["read"], "^(shop\\..*|domain_events)$");
    assert!(description["plan"]["queues"].as_array().unwrap().len() > 2);
}

#[cfg(unix)]
#[tokio::test]
async fn an_app_without_handlers_ends_at_a_signal() {
    let running = App::new("publisher").start(Bus::in_memory()).await.unwrap();
    let mut ended = Box::pin(running.until_signal());
    // The first poll installs the signal handler, so the signal does not end the process of the tests.
    assert!((&mut ended).now_or_never().is_none());
    let pid = std::process::id().to_string();
    let killed = std::process::Command::new("kill").args(["-TERM", &pid]).status();
    assert!(killed.unwrap().success());
    within("the end", ended).await.unwrap();
}

#[tokio::test]
async fn an_app_without_handlers_waits_for_its_publishes_when_it_shuts_down() {
    let server = MemoryServer::new();
    let bus = server.bus(Bus::builder());
    let running = App::new("publisher").start(&bus).await.unwrap();
    server.go_down();
    let event = placed("a", 1);
    let mut publish = Box::pin(running.bus().publish(&event));
    assert!((&mut publish).now_or_never().is_none());
    let mut shutdown = Box::pin(running.shutdown());
    assert!((&mut shutdown).now_or_never().is_none());
    server.come_back();
    within("the confirm", publish).await.unwrap();
    within("the shutdown", shutdown).await.unwrap();

    let app = App::new("publisher").shutdown_timeout(Duration::from_millis(10));
    let running = app.start(&bus).await.unwrap();
    server.go_down();
    let mut publish = Box::pin(bus.publish(&event));
    assert!((&mut publish).now_or_never().is_none());
    within("the shutdown", running.shutdown()).await.unwrap();
}

#[test]
fn an_app_whose_runtime_has_ended_is_not_ready() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bus = Bus::in_memory();
    let app = App::new("shop").handlers(handlers![ping]);
    let running = runtime.block_on(app.start(&bus)).unwrap();
    assert!(running.health().is_ready());
    drop(runtime);
    let health = running.health();
    assert!(!health.is_ready(), "{health:?}");
    assert_eq!(health.handlers[0].state, HandlerState::Stopped);
}

#[derive(Clone)]
struct Gateway(&'static str);

#[derive(Clone)]
struct Tariff(u32);

struct AppState {
    gateway: Gateway,
    tariff: Tariff,
    seen: Arc<AtomicU32>,
}

impl FromRef<AppState> for Gateway {
    fn from_ref(state: &AppState) -> Self {
        state.gateway.clone()
    }
}

impl FromRef<AppState> for Tariff {
    fn from_ref(state: &AppState) -> Self {
        state.tariff.clone()
    }
}

impl FromRef<AppState> for Arc<AtomicU32> {
    fn from_ref(state: &AppState) -> Self {
        Arc::clone(&state.seen)
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
async fn a_handler_extracts_parts_of_the_state() {
    let (bus, seen) = (TestBus::new(), Arc::new(AtomicU32::new(0)));
    let state = AppState {
        gateway: Gateway("bank"),
        tariff: Tariff(10),
        seen: Arc::clone(&seen),
    };
    let _app = App::new("shop")
        .state(state)
        .handlers(handlers![charge])
        .start(&bus)
        .await
        .unwrap();
    bus.publish(&placed("a", 7)).await.unwrap();
    bus.settled().await;
    assert_eq!(seen.load(Ordering::SeqCst), 70);
}

#[test]
fn the_description_of_an_app_is_readable_text() {
    let app = App::new("shop")
        .state(Recorder::default())
        .handlers(handlers![patient, every]);
    insta::assert_snapshot!(app.describe().to_string());
}

#[test]
fn a_description_names_retired_queues_and_patterns() {
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
async fn an_invalid_retirement_is_a_start_error() {
    let app = App::new("shop")
        .handlers(handlers![ping])
        .retired("ping", ["order.placed"])
        .retired("cashier", Vec::<String>::new())
        .retired("orphans", ["#"])
        .retired("ping.dlq", ["#"]);
    let Err(Error::Start(error)) = app.start(Bus::in_memory()).await else {
        panic!("the app must not start");
    };
    assert_eq!(
        error.faults(),
        [
            "pattern \"order.placed\" of queue `ping` is retired, and handler `ping` still has it",
            "retired queue `cashier` has no patterns; write its former patterns, as in `.retired(\"cashier\", \
             [\"order.created\"])`",
            "`orphans` is not the queue of a handler and cannot be retired; write the handler's name, or its \
             `queue`, without the service's name",
            "`ping.dlq` is not the queue of a handler and cannot be retired; write the handler's name, or its \
             `queue`, without the service's name",
        ]
    );
}

#[tokio::test]
async fn a_service_with_only_retired_handlers_starts_and_stops() {
    let server = MemoryServer::new();
    let before = App::new("shop").handlers(handlers![ping]);
    let before = before.start(server.bus(Bus::builder())).await.unwrap();
    before.shutdown().await.unwrap();
    let bus = server.bus(Bus::builder());
    bus.publish(&placed("a", 1)).await.unwrap();
    // With `Declare::Verify`, nothing is unbound or drained.
    let verifying = server.bus(Bus::builder().declare(tidings::Declare::Verify));
    let app = App::new("shop").retired("ping", ["order.placed"]);
    app.start(verifying).await.unwrap().shutdown().await.unwrap();
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
