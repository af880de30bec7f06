//! Consuming: deliveries, headers and lost subscriptions.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lapin::options::{BasicGetOptions, BasicNackOptions};
use lapin::types::AMQPValue;
use lapin::{BasicProperties, Channel};
use tidings::health::HandlerState;
use tidings::{App, Bus, Delivery, Event, HeaderValue, RunningApp, State, event_handler, handlers};
use tidings_broker::{Install, Setup};
use tokio::sync::{Notify, mpsc};

use tidings_test_support::foreign_client::{ForeignClient, arguments};
use tidings_test_support::wait::{blocking, until, within};

use crate::fixture::{Count, Happened, bus, settings, vhost};

#[event_handler("thing.happened.*")]
async fn count(_event: Happened, State(count): State<Count>) {
    count.add();
}

#[event_handler("thing.happened.*", ephemeral)]
async fn watch(_event: Happened, State(count): State<Count>) {
    count.add();
}

#[event_handler("thing.happened.*")]
async fn show(_event: Happened, delivery: Delivery, State(seen): State<mpsc::Sender<Delivery>>) {
    seen.send(delivery).await.unwrap();
}

#[event_handler("thing.happened.*")]
async fn keep(_event: Happened, State(count): State<Count>) {
    count.add();
    pending::<()>().await;
}

async fn start_counter(bus: &Bus, handled: &Count) -> RunningApp {
    let app = App::new("counter")
        .state(handled.clone())
        .handlers(handlers![count]);
    app.start(bus).await.unwrap()
}

#[tokio::test]
async fn the_health_says_why_the_broker_ended_a_subscription() {
    let node = blocking(|| {
        let setup = Setup::new(&Install::find().unwrap()).conf("consumer_timeout = 2000");
        Arc::new(setup.start().unwrap())
    })
    .await;
    let ctl = |args: &'static [&'static str]| {
        let node = Arc::clone(&node);
        blocking(move || node.ctl(args).unwrap())
    };
    // By default the broker checks the timeout every minute or every five seconds.
    ctl(&[
        "eval",
        "[application:set_env(rabbit, Key, 500) || Key <- [channel_tick_interval, quorum_tick_interval]].",
    ])
    .await;
    let (bus, kept) = (bus(&node.url()).await, Count::default());
    let app = App::new("keeper").state(kept.clone()).handlers(handlers![keep]);
    let app = app.start(&bus).await.unwrap();
    let last_end = |part: &'static str| {
        let health = || app.health().handlers[0].last_end.clone().unwrap_or_default();
        until(part, async move || health().contains(part))
    };
    assert_eq!(app.health().handlers[0].last_end, None);
    bus.publish(&Happened::new(1, "a")).await.unwrap();
    last_end("delivery acknowledgement timed out after").await;
    ctl(&["close_all_connections", "maintenance at noon"]).await;
    last_end("CONNECTION_FORCED - maintenance at noon").await;
    drop(app);
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_is_lost_repeatedly_is_retried_with_a_backoff() {
    let vhost = vhost().await;
    let (bus, handled) = (bus(&vhost.url()).await, Count::default());
    let app = start_counter(&bus, &handled).await;
    let client = ForeignClient::connect(&vhost.url()).await;
    let mut losses = 0;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(4) {
        if client
            .consumers("counter.count")
            .await
            .is_some_and(|count| count > 0)
        {
            client.delete_queue("counter.count").await.unwrap();
            losses += 1;
        }
    }
    // The handler subscribes again at once, then after 0.1 s, 0.2 s and so on: about six losses in four seconds.
    assert!((3..=10).contains(&losses), "{losses} losses");
    until("the handler consumes again", async || app.health().is_ready()).await;
    bus.publish(&Happened::new(1, "a")).await.unwrap();
    handled.reaches(1).await;
    app.shutdown().await.unwrap();
    bus.close().await;
}

#[tokio::test]
async fn consumers_recover_when_another_bus_declares_a_deleted_exchange_again() {
    let vhost = vhost().await;
    let (publisher, consumer) = (bus(&vhost.url()).await, bus(&vhost.url()).await);
    let (by_counter, by_watcher) = (Count::default(), Count::default());
    let app = |name, count: &Count| App::new(name).state(count.clone());
    let counter = app("counter", &by_counter)
        .handlers(handlers![count])
        .start(&consumer)
        .await
        .unwrap();
    let watcher = app("watcher", &by_watcher)
        .handlers(handlers![watch])
        .start(&consumer)
        .await
        .unwrap();
    let client = ForeignClient::connect(&vhost.url()).await;
    client.delete_exchange("domain_events").await.unwrap();
    // The publisher declares the exchange again and does not know the bindings of the consumers.
    until("both services receive events again", async || {
        publisher.publish(&Happened::new(1, "a")).await.unwrap();
        by_counter.get() > 0 && by_watcher.get() > 0
    })
    .await;
    for running in [counter, watcher] {
        running.shutdown().await.unwrap();
    }
    publisher.close().await;
    consumer.close().await;
}

#[tokio::test]
async fn the_health_reports_a_queue_that_was_declared_again_with_other_arguments() {
    let vhost = vhost().await;
    let (bus, handled) = (bus(&vhost.url()).await, Count::default());
    let app = start_counter(&bus, &handled).await;
    let client = ForeignClient::connect(&vhost.url()).await;
    let queue = "counter.count.dlq";
    client.delete_queue(queue).await.unwrap();
    client.declare(queue, arguments(&[])).await.unwrap();
    until("the health names the queue", async || {
        let reason = app.health().bus.reason.unwrap_or_default();
        reason.contains(queue) && reason.contains("x-queue-type")
    })
    .await;
    assert!(!app.health().is_ready());
    client.delete_queue(queue).await.unwrap();
    until("the queue is declared again", async || app.health().is_ready()).await;
    app.shutdown().await.unwrap();
    bus.close().await;
}

#[tokio::test]
async fn an_ephemeral_queue_is_deleted_with_its_subscription() {
    let vhost = vhost().await;
    let (bus, handled) = (bus(&vhost.url()).await, Count::default());
    let app = App::new("watcher")
        .state(handled.clone())
        .handlers(handlers![watch])
        .start(&bus)
        .await
        .unwrap();
    let queues = || async {
        let (node, name) = (vhost.node(), vhost.name().to_owned());
        blocking(move || node.ctl(&["-q", "list_queues", "-p", &name, "name"]).unwrap()).await
    };
    assert!(queues().await.contains("amq.gen"));
    bus.publish(&Happened::new(1, "a")).await.unwrap();
    handled.reaches(1).await;
    app.pause("watch").unwrap();
    until("the queue is deleted", async || {
        !queues().await.contains("amq.gen")
    })
    .await;
    app.resume("watch").unwrap();
    until("the handler consumes again", async || {
        app.health().is_ready() && queues().await.contains("amq.gen")
    })
    .await;
    bus.publish(&Happened::new(2, "a")).await.unwrap();
    handled.reaches(2).await;
    app.shutdown().await.unwrap();
    bus.close().await;
}

#[tokio::test]
async fn an_event_of_another_service_arrives_with_its_headers_and_properties() {
    let vhost = vhost().await;
    let bus = bus(&vhost.url()).await;
    let (seen, mut deliveries) = mpsc::channel(1);
    let app = App::new("viewer")
        .state(seen)
        .handlers(handlers![show])
        .start(&bus)
        .await
        .unwrap();
    let client = ForeignClient::connect(&vhost.url()).await;
    let inner = arguments(&[("deep", AMQPValue::ShortUInt(65_535))]);
    let list = vec![AMQPValue::Void, AMQPValue::Boolean(true)];
    let table = arguments(&[
        ("a-text", AMQPValue::LongString("x".into())),
        ("a-number", AMQPValue::LongLongInt(-5)),
        ("a-byte", AMQPValue::ShortShortUInt(200)),
        ("raw", AMQPValue::LongString(vec![0xff_u8, 0].into())),
        ("table", AMQPValue::FieldTable(inner)),
        ("list", AMQPValue::FieldArray(list.into())),
        ("tidings-publish", AMQPValue::LongLongInt(1)),
    ]);
    let properties = BasicProperties::default()
        .with_headers(table)
        .with_reply_to("me".into())
        .with_priority(3);
    let body = br#"{"type":"thing.happened","data":{"number":1,"kind":"a"}}"#;
    client
        .publish("domain_events", "thing.happened.a", properties, body)
        .await
        .unwrap();
    let delivery = within("a delivery", deliveries.recv()).await.unwrap();
    let headers = delivery.headers();
    assert_eq!(headers.text("a-text"), Some("x"));
    assert_eq!(headers.get("a-number"), Some(&HeaderValue::I64(-5)));
    assert_eq!(headers.get("a-byte"), Some(&HeaderValue::U8(200)));
    assert_eq!(headers.get("raw"), Some(&HeaderValue::RawText(vec![0xff, 0])));
    let inner = [("deep", HeaderValue::U16(65_535))].into_iter().collect();
    assert_eq!(headers.get("table"), Some(&HeaderValue::Table(inner)));
    let list = vec![HeaderValue::Void, HeaderValue::Bool(true)];
    assert_eq!(headers.get("list"), Some(&HeaderValue::List(list)));
    assert_eq!(headers.get("tidings-publish"), None);
    assert_eq!(delivery.properties().reply_to.as_deref(), Some("me"));
    app.shutdown().await.unwrap();
    bus.close().await;
}

#[tokio::test]
async fn a_handled_event_that_is_redelivered_is_not_a_crash_loop() {
    let vhost = vhost().await;
    let (bus, handled) = (bus(&vhost.url()).await, Count::default());
    let app = start_counter(&bus, &handled).await;
    let client = ForeignClient::connect(&vhost.url()).await;
    // The second time, the event is redelivered as if the broker had not received the ack.
    for (times, returns) in [(1, 6), (2, 12)] {
        pause_count(&app, &client).await;
        happen(&client, "one").await;
        redeliver(&client, "counter.count", returns).await;
        app.resume("count").unwrap();
        handled.reaches(times).await;
    }
    app.shutdown().await.unwrap();
    assert_eq!(client.depth("counter.count.dlq").await, Some(0));
    bus.close().await;
}

#[tokio::test]
async fn an_event_that_was_set_aside_is_not_a_crash_loop_when_it_returns() {
    let vhost = vhost().await;
    let (bus, handled) = (bus(&vhost.url()).await, Count::default());
    let app = start_counter(&bus, &handled).await;
    let client = ForeignClient::connect(&vhost.url()).await;
    pause_count(&app, &client).await;
    // Only a suspect behind another event is set aside. A redelivered event goes behind earlier redelivered ones.
    happen(&client, "innocent").await;
    let holder = client.connection().create_channel().await.unwrap();
    take(&holder, "counter.count").await;
    happen(&client, "suspect").await;
    redeliver(&client, "counter.count", 5).await;
    holder.close(200, "OK".into()).await.unwrap();
    until("both events are in the queue", async || {
        client.depth("counter.count").await == Some(2)
    })
    .await;
    redeliver(&client, "counter.count", 1).await;
    app.resume("count").unwrap();
    handled.reaches(2).await;

    pause_count(&app, &client).await;
    // The event is redelivered as if the broker had not received the ack.
    happen(&client, "suspect").await;
    redeliver(&client, "counter.count", 12).await;
    app.resume("count").unwrap();
    handled.reaches(3).await;
    app.shutdown().await.unwrap();
    assert_eq!(client.depth("counter.count.dlq").await, Some(0));
    bus.close().await;
}

#[tokio::test]
async fn a_delivery_count_that_the_publisher_set_is_no_crash_loop() {
    let vhost = vhost().await;
    let (bus, handled) = (bus(&vhost.url()).await, Count::default());
    let app = start_counter(&bus, &handled).await;
    let client = ForeignClient::connect(&vhost.url()).await;
    pause_count(&app, &client).await;
    for number in 0..10 {
        let forged = arguments(&[("x-delivery-count", AMQPValue::LongLongInt(1_000))]);
        let properties = BasicProperties::default().with_headers(forged);
        happen_with(&client, &number.to_string(), properties).await;
    }
    let channel = client.connection().create_channel().await.unwrap();
    for _ in 0..10 {
        take(&channel, "counter.count").await;
    }
    // RabbitMQ 4.3 does not count this return, and leaves the header of the publisher.
    let requeue = BasicNackOptions {
        multiple: true,
        requeue: true,
    };
    channel.basic_nack(0, requeue).await.unwrap();
    until("every event is in the queue again", async || {
        client.depth("counter.count").await == Some(10)
    })
    .await;
    app.resume("count").unwrap();
    handled.reaches(10).await;
    app.shutdown().await.unwrap();
    assert_eq!(client.depth("counter.count.dlq").await, Some(0));
    bus.close().await;
}

/// A returned event whose key the broker forbids.
#[event_handler("thing.happened.cause", prefetch = 256)]
async fn forbidden_reply(cause: Happened, State(count): State<Count>) -> Happened {
    count.add();
    Happened::new(cause.number, "forbidden")
}

#[tokio::test]
async fn a_forbidden_returned_event_dead_letters_its_cause_and_leaves_no_task() {
    const EVENTS: usize = 300;
    let vhost = vhost().await;
    // A topic permission is for an exchange that exists.
    let owner = bus(&vhost.url()).await;
    let (node, name) = (vhost.node(), vhost.name().to_owned());
    blocking(move || {
        node.add_user("replier", "secret").unwrap();
        node.permit("replier", &name, [".*"; 3]).unwrap();
        let keys = "^thing[.]happened[.]cause$";
        let (user, exchange) = ("replier", "domain_events");
        node.ctl(&["set_topic_permissions", "-p", &name, user, exchange, keys, ".*"])
            .unwrap();
    })
    .await;
    let url = node.url_of("replier", "secret", vhost.name());
    let (bus, runs) = (settings().connect(&url).await.unwrap(), Count::default());
    let app = App::new("replier")
        .state(runs.clone())
        .handlers(handlers![forbidden_reply])
        .start(&bus)
        .await
        .unwrap();
    let client = ForeignClient::connect(&vhost.url()).await;
    let idle = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let causes: Vec<_> = (0..EVENTS as u64)
        .map(|number| Happened::new(number, "cause"))
        .collect();
    for published in owner.publish_all(&causes).await {
        published.unwrap();
    }
    // The broker closes the channel at a forbidden key, so a dead letter that it confirms then is published twice.
    until("every cause is a dead letter", async || {
        let dead_letters = client.depth("replier.forbidden_reply.dlq").await;
        dead_letters.is_some_and(|count| count as usize >= EVENTS)
    })
    .await;
    assert_eq!(runs.get(), EVENTS, "the handler ran once for each event");
    until("every task has ended", async || {
        tokio::runtime::Handle::current().metrics().num_alive_tasks() <= idle
    })
    .await;
    let dead_letter = &client.take("replier.forbidden_reply.dlq").await.unwrap()[0].delivery;
    let header = |name: &str| {
        let headers = dead_letter.properties.headers().as_ref().unwrap();
        headers.inner()[name].as_long_string().unwrap().to_string()
    };
    assert_eq!(header("tidings-dead-letter-reason"), "unpublishable");
    assert!(header("tidings-error").contains("a topic permission to write `thing.happened.forbidden`"));
    let before = Instant::now();
    app.shutdown().await.unwrap();
    assert!(
        before.elapsed() < Duration::from_secs(5),
        "{:?}",
        before.elapsed()
    );
    bus.close().await;
    owner.close().await;
}

/// The state of [`outlast`]: its runs, and the signal that ends them.
#[derive(Debug, Clone, Default)]
struct Outlasting {
    runs: Count,
    release: Arc<Notify>,
}

#[event_handler("thing.happened.*", timeout = "5m")]
async fn outlast(_event: Happened, State(state): State<Outlasting>) {
    state.runs.add();
    state.release.notified().await;
}

#[tokio::test]
async fn a_run_that_outlasts_the_consumer_timeout_is_not_repeated() {
    let node = blocking(|| {
        let setup = Setup::new(&Install::find().unwrap()).conf("consumer_timeout = 1000");
        let node = setup.start().unwrap();
        // By default the broker checks the timeout every minute or every five seconds.
        let set = "[application:set_env(rabbit, Key, 500) || Key <- [channel_tick_interval, quorum_tick_interval]].";
        node.ctl(&["eval", set]).unwrap();
        Arc::new(node)
    })
    .await;
    let (bus, state) = (bus(&node.url()).await, Outlasting::default());
    let app = App::new("holder")
        .state(state.clone())
        .handlers(handlers![outlast])
        .start(&bus)
        .await
        .unwrap();
    bus.publish(&Happened::new(1, "a")).await.unwrap();
    state.runs.reaches(1).await;
    let channel = async || {
        let node = Arc::clone(&node);
        blocking(move || node.ctl(&["-q", "list_consumers", "channel_pid"]).unwrap()).await
    };
    for _ in 0..2 {
        let before = channel().await;
        until(
            "the broker ends the subscription, and the handler subscribes again",
            async || {
                let now = channel().await;
                now.contains('<') && now != before
            },
        )
        .await;
    }
    state.release.notify_one();
    until("the event is handled", async || {
        app.health().handlers[0].handled == 1
    })
    .await;
    app.shutdown().await.unwrap();
    assert_eq!(state.runs.get(), 1);
    let client = ForeignClient::connect(&node.url()).await;
    assert_eq!(client.depth("holder.outlast").await, Some(0));
    bus.close().await;
}

/// How often each event was handled.
#[derive(Debug, Clone)]
struct Tally {
    handled: Count,
    times: Arc<Mutex<BTreeMap<u64, u32>>>,
}

#[event_handler("thing.happened.*")]
async fn tally(event: Event<Happened>, State(tally): State<Tally>) {
    // Events take different times, so they are acknowledged one by one.
    tokio::time::sleep(Duration::from_millis(1 + event.number % 7)).await;
    *tally.times.lock().unwrap().entry(event.number).or_default() += 1;
    tally.handled.add();
}

#[event_handler(
    "thing.happened.*",
    ordered_by = "aggregate_id",
    single_active,
    prefetch = 256,
    concurrency = 64
)]
async fn ordered_tally(event: Event<Happened>, state: State<Tally>) {
    tally(event, state).await;
}

/// How often a test stops a handler under load. Without the wait for the last acks, about every second stop loses some.
const STOPS: usize = 10;

/// Stops a handler again and again while events wait, and returns the events that were handled twice. `start` starts
/// the app, or lets it continue.
async fn handled_twice<App>(
    start: impl AsyncFn(&Bus, &Tally, Option<App>) -> App,
    stop: impl AsyncFn(&App),
) -> Vec<(u64, u32)> {
    const EVENTS: usize = 600;
    let vhost = vhost().await;
    let bus = bus(&vhost.url()).await;
    let tally = Tally {
        handled: Count::default(),
        times: Arc::default(),
    };
    let mut app = start(&bus, &tally, None).await;
    let mut published = 0;
    for _ in 0..STOPS {
        let events: Vec<_> = (published..published + EVENTS as u64)
            .map(|number| Happened::new(number, "a"))
            .collect();
        published += EVENTS as u64;
        let handled = tally.handled.get();
        for published in bus.publish_all(&events).await {
            published.unwrap();
        }
        tally.handled.reaches(handled + EVENTS / 4).await;
        stop(&app).await;
        app = start(&bus, &tally, Some(app)).await;
    }
    until("every event is handled", async || {
        tally.times.lock().unwrap().len() as u64 == published
    })
    .await;
    stop(&app).await;
    bus.close().await;
    let times = tally.times.lock().unwrap();
    times
        .iter()
        .filter(|(_, times)| **times > 1)
        .map(|(number, times)| (*number, *times))
        .collect()
}

async fn shut_down(app: &RunningApp) {
    app.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_under_load_loses_no_ack() {
    let start = async |bus: &Bus, tally: &Tally, _| {
        let app = App::new("tallier").state(tally.clone());
        app.handlers(handlers![tally]).start(bus).await.unwrap()
    };
    assert_eq!(handled_twice(start, shut_down).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_of_a_single_active_handler_under_load_loses_no_ack() {
    let start = async |bus: &Bus, tally: &Tally, _| {
        let app = App::new("tallier").state(tally.clone());
        app.handlers(handlers![ordered_tally]).start(bus).await.unwrap()
    };
    assert_eq!(handled_twice(start, shut_down).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_under_load_loses_no_ack() {
    let start = async |bus: &Bus, tally: &Tally, paused: Option<RunningApp>| {
        if let Some(app) = paused {
            app.resume("tally").unwrap();
            return app;
        }
        let app = App::new("tallier").state(tally.clone());
        app.handlers(handlers![tally]).start(bus).await.unwrap()
    };
    let pause = async |app: &RunningApp| {
        app.pause("tally").unwrap();
        until("the handler is paused", async || {
            app.health().handlers[0].state == HandlerState::Paused
        })
        .await;
    };
    assert_eq!(handled_twice(start, pause).await, []);
}

/// Pauses the handler `count` while no delivery is in flight. The end of the subscription would requeue a delivery in
/// flight, and the broker would count that return.
async fn pause_count(app: &RunningApp, client: &ForeignClient) {
    let consumers = async || client.consumers("counter.count").await;
    until("the handler consumes", async || consumers().await == Some(1)).await;
    app.pause("count").unwrap();
    until("the handler has stopped", async || consumers().await == Some(0)).await;
}

/// Publishes an event with this id, without Tidings.
async fn happen(client: &ForeignClient, id: &str) {
    happen_with(client, id, BasicProperties::default()).await;
}

async fn happen_with(client: &ForeignClient, id: &str, properties: BasicProperties) {
    let body = format!(r#"{{"id":"{id}","type":"thing.happened","data":{{"number":1,"kind":"a"}}}}"#);
    client
        .publish("domain_events", "thing.happened.a", properties, body.as_bytes())
        .await
        .unwrap();
}

/// Receives the first message of a queue this many times and requeues it by closing the channel.
async fn redeliver(client: &ForeignClient, queue: &str, times: u32) {
    for _ in 0..times {
        let channel = client.connection().create_channel().await.unwrap();
        take(&channel, queue).await;
        channel.close(200, "OK".into()).await.unwrap();
    }
}

/// Receives the first message of a queue and keeps it until the channel closes.
async fn take(channel: &Channel, queue: &str) {
    until("there is a message", async || {
        let got = channel.basic_get(queue.into(), BasicGetOptions::default()).await;
        got.unwrap().is_some()
    })
    .await;
}
