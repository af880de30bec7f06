//! The smallest, the largest and the strangest value of every public setting: an error at most, never a panic.

use std::time::Duration;

use futures_util::FutureExt;
use tidings::testing::TestBus;
use tidings::{
    App, Bus, BusBuilder, Context, Delivery, Error, HandlerError, Headers, Next, PublishOptions, State,
    Timestamp, TraceContext, event_handler, handlers,
};
use tidings_test_support::wait::{DEADLINE, within};

use crate::handlers::{Placed, Recorder, ping, placed};

/// The edges of the types on the way: of `Duration`, of the seconds in an `Instant`, and of milliseconds in 64 bits.
const DURATIONS: [Duration; 7] = [
    Duration::ZERO,
    Duration::from_nanos(1),
    Duration::from_secs(i64::MAX as u64 / 1_000_000_000),
    Duration::from_millis(u64::MAX),
    Duration::from_secs(i64::MAX as u64),
    Duration::from_secs(u64::MAX),
    Duration::MAX,
];

/// Texts that a name, an id or a URL is not made for. AMQP stores the length of a name in one byte.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "a",
        "\0",
        "\n",
        "é",
        "a.b",
        "#",
        "*",
        "amq.topic",
        "\u{202e}x",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.extend([127, 128, 255, 256, 200_000].map(|length| "x".repeat(length)));
    texts
}

/// Runs an app that handles one event and returns another, then shuts it down.
async fn handle_one(settings: BusBuilder, shutdown_timeout: Duration) -> Result<(), Error> {
    let bus = settings.in_memory();
    let app = App::new("shop")
        .handlers(handlers![ping])
        .shutdown_timeout(shutdown_timeout);
    let running = app.start(&bus).await?;
    let published = bus.publish(&placed("a", 1)).await;
    let _ = bus.publish_all(&[placed("b", 2), placed("c", 3)]).await;
    let _ = running.health();
    let _ = within("the shutdown", running.shutdown()).await;
    within("the close", bus.close()).await;
    published.map(|_| ())
}

#[tokio::test]
async fn no_duration_is_too_short_or_too_long_for_a_bus_or_an_app() {
    for duration in DURATIONS {
        let app = Duration::from_secs(1);
        handle_one(Bus::builder().publish_timeout(duration), app)
            .await
            .unwrap_or_else(|error| panic!("publish timeout {duration:?}: {error}"));
        handle_one(Bus::builder().connect_timeout(duration), app)
            .await
            .unwrap();
        handle_one(Bus::builder().hold_limit(duration), app)
            .await
            .unwrap();
        handle_one(Bus::builder(), duration).await.unwrap();
    }
}

#[tokio::test]
async fn an_app_with_an_endless_shutdown_timeout_waits_for_its_handler() {
    static RUNS: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(0);
    static MAY_END: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(0);
    #[event_handler]
    async fn slow(_: Placed) {
        RUNS.add_permits(1);
        MAY_END.acquire().await.unwrap().forget();
    }
    let bus = Bus::in_memory();
    let app = App::new("shop")
        .handlers(handlers![slow])
        .shutdown_timeout(Duration::MAX);
    let running = app.start(&bus).await.unwrap();
    bus.publish(&placed("a", 1)).await.unwrap();
    RUNS.acquire().await.unwrap().forget();
    let mut shutdown = Box::pin(running.shutdown());
    assert!((&mut shutdown).now_or_never().is_none());
    MAY_END.add_permits(1);
    within("the shutdown", shutdown).await.unwrap();
}

#[tokio::test]
async fn no_number_is_too_small_or_too_large_for_a_bus() {
    for bytes in [0, 1, u32::MAX as usize, usize::MAX] {
        let result = handle_one(Bus::builder().max_body_bytes(bytes), DEADLINE).await;
        assert_eq!(result.is_ok(), bytes > 1, "{bytes}: {result:?}");
    }
    for factor in [0, 1, u32::MAX] {
        let builder = Bus::builder().speed_up(factor);
        handle_one(builder.clone(), DEADLINE).await.unwrap();
        App::new("shop")
            .handlers(handlers![ping])
            .declare(builder.in_memory())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn no_text_is_too_strange_for_a_bus_or_an_app() {
    for text in texts() {
        let _ = handle_one(Bus::builder().service(&text), DEADLINE).await;
        let _ = handle_one(Bus::builder().exchange(&text), DEADLINE).await;
        let app = || App::new(&text).handlers(handlers![ping]);
        let _ = app().describe().to_string();
        let _ = app().start(Bus::in_memory()).await;
        let app = App::new("shop").handlers(handlers![ping]);
        let app = app
            .retired(&text, [&text])
            .around_handler(&text, |delivery: Delivery, next: Next| next.run(delivery));
        let _ = app.describe().to_string();
        let _ = app.start(Bus::in_memory()).await;
        let _ = Context::new(&text);
        let _ = TraceContext::parse(&text, Some(&text));
        let _ = text.parse::<Timestamp>();
    }
}

#[tokio::test]
async fn no_option_of_a_publish_is_too_strange() {
    let bus = Bus::in_memory();
    let running = App::new("shop")
        .handlers(handlers![ping])
        .start(&bus)
        .await
        .unwrap();
    for text in texts() {
        let options = PublishOptions::new();
        for options in [
            options.clone().id(&text),
            options.clone().header(&text, true),
            options.header("tenant", text.as_str()).mandatory(),
        ] {
            let _ = bus.publish_with(&placed("a", 1), options).await;
        }
        let _ = bus.publish(&placed(&text, 1)).await;
        let _ = (running.pause(&text), running.resume(&text));
        let _ = Delivery::fake_with_headers(
            &placed(&text, 1),
            Headers::from_iter([(text.as_str(), text.as_str())]),
        );
    }
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn no_url_is_too_strange_for_a_bus() {
    let mut urls = texts();
    for text in texts() {
        urls.extend([
            format!("amqp://{text}"),
            format!("amqps://{text}:{text}@[::1]:1/{text}?{text}={text}"),
            format!("amqp://user:{text}@127.0.0.1:1"),
            format!("amqp://127.0.0.1:{text}/?heartbeat={text}&frame_max={text}&channel_max={text}"),
        ]);
    }
    urls.extend(
        [
            "amqp:",
            "amqp://",
            "amqp://@",
            "amqp://[",
            "amqp://]@",
            "amqp://:0",
            "amqp://%",
            "amqp://%zz:%0@h",
            ",",
            "amqp://h,",
        ]
        .map(str::to_owned),
    );
    for number in [
        "0",
        "1",
        "-1",
        "65535",
        "65536",
        "4294967295",
        "4294967296",
        "99999999999999999999",
    ] {
        urls.push(format!("amqp://127.0.0.1:{number}/"));
        urls.extend(
            ["heartbeat", "frame_max", "channel_max", "connection_timeout"]
                .map(|name| format!("amqp://127.0.0.1:1/?{name}={number}")),
        );
    }
    let builder = Bus::builder().connect_timeout(Duration::from_millis(1));
    for url in urls {
        let _ = within("an answer", builder.clone().connect(&url)).await;
    }
}

#[tokio::test]
async fn a_requested_delay_of_any_length_is_a_retry() {
    #[event_handler(retry(attempts = 2))]
    async fn plain(
        event: Placed,
        delivery: Delivery,
        State(recorder): State<Recorder>,
    ) -> Result<(), HandlerError> {
        let _ = recorder.record(event.number, &delivery);
        let delay = DURATIONS[event.number as usize];
        Err(HandlerError::retry_after(delay, "later"))
    }
    #[event_handler(ordered_by = "aggregate_id", retry(attempts = 2))]
    async fn ordered(
        event: Placed,
        delivery: Delivery,
        State(recorder): State<Recorder>,
    ) -> Result<(), HandlerError> {
        let _ = recorder.record(event.number, &delivery);
        let delay = DURATIONS[event.number as usize];
        Err(HandlerError::retry_after(delay, "later"))
    }
    for (number, duration) in (0..).zip(DURATIONS) {
        let bus = TestBus::new();
        let recorder = Recorder::default();
        let _app = crate::handlers::start!(&bus, recorder, [plain, ordered]);
        bus.publish(&placed("a", number)).await.unwrap();
        bus.settled_within(u64::MAX, duration.max(DEADLINE))
            .await
            .unwrap();
        assert_eq!(bus.dead_letters().len(), 2);
        assert!(recorder.seen().len() >= 3, "{:?}", recorder.seen());
    }
}

#[test]
fn no_time_is_too_early_or_too_late() {
    for millis in [i64::MIN, -1, 0, 1, i64::MAX] {
        let at = Timestamp::from_millis(millis);
        for duration in DURATIONS {
            let later = at.plus(duration);
            assert!(later >= at);
            let _ = (later.since(at), at.since(later), later.to_string());
        }
    }
}
