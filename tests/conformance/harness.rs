//! The harness of every test: its own names on the broker, a bus, and access to dead letters.

use std::time::Duration;

use tidings::health::Health;
use tidings::{App, Bus, BusBuilder, HeaderValue, Headers, NoState, Properties, RunningApp};
use tidings_test_support::wait::{eventually, within};
use uuid::Uuid;

use crate::broker::{QueuedMessage, TestBroker};

/// The publish timeout of every bus. It is longer than any publish, so that a busy machine fails no test.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(30);

/// A broker with a service name and an exchange that no other test has.
pub(crate) struct Harness<B> {
    pub(crate) broker: B,
    pub(crate) service: String,
    pub(crate) exchange: String,
    /// A bus for publishing. No app runs on it.
    pub(crate) bus: Bus,
}

impl<B: TestBroker> Harness<B> {
    pub(crate) async fn new() -> Self {
        let run = &Uuid::new_v4().simple().to_string()[..12];
        let broker = B::ready().await;
        let exchange = format!("events-{run}");
        let bus = broker.bus(settings(&exchange)).await;
        Self {
            broker,
            service: format!("svc-{run}"),
            exchange,
            bus,
        }
    }

    /// The settings of every bus. Retry delays are divided by 20: a rung of one second takes 50 ms.
    pub(crate) fn settings(&self) -> BusBuilder {
        settings(&self.exchange)
    }

    pub(crate) async fn another_bus(&self) -> Bus {
        self.broker.bus(self.settings()).await
    }

    pub(crate) fn app(&self) -> App<NoState> {
        App::new(&self.service)
    }

    /// The full name of the queue of a handler.
    pub(crate) fn queue(&self, handler: &str) -> String {
        format!("{}.{handler}", self.service)
    }

    /// Publishes a body without properties, as a service in another language may do.
    pub(crate) async fn publish_raw(&self, routing_key: &str, body: &str) {
        self.publish_as(
            routing_key,
            Properties::default(),
            Headers::new(),
            body.as_bytes(),
        )
        .await;
    }

    /// Publishes a body with properties and headers, without Tidings.
    pub(crate) async fn publish_as(
        &self,
        routing_key: &str,
        properties: Properties,
        headers: Headers,
        body: &[u8],
    ) {
        let published = self
            .broker
            .publish(&self.exchange, routing_key, properties, headers, body);
        within("publishing without Tidings", published).await;
    }

    /// Waits until a handler has `count` dead letters and returns them in order.
    pub(crate) async fn dead_letters(&self, handler: &str, count: usize) -> Vec<DeadLetter> {
        let queue = format!("{}.dlq", self.queue(handler));
        let what = format!("{count} dead letters in {queue}");
        let dead_letters = eventually(&what, async || {
            let dead_letters = self.broker.messages(&queue).await;
            (dead_letters.len() >= count).then_some(dead_letters)
        })
        .await;
        assert_eq!(
            dead_letters.len(),
            count,
            "dead letters in {queue}: {dead_letters:?}"
        );
        dead_letters.into_iter().map(DeadLetter).collect()
    }

    /// Waits for the only dead letter of a handler.
    pub(crate) async fn dead_letter(&self, handler: &str) -> DeadLetter {
        self.dead_letters(handler, 1).await.remove(0)
    }

    pub(crate) async fn expect_no_dead_letters(&self, handler: &str) {
        let dead_letters = self
            .broker
            .messages(&format!("{}.dlq", self.queue(handler)))
            .await;
        assert!(dead_letters.is_empty(), "{dead_letters:?}");
    }
}

fn settings(exchange: &str) -> BusBuilder {
    Bus::builder()
        .exchange(exchange)
        .speed_up(20)
        .publish_timeout(PUBLISH_TIMEOUT)
}

/// Waits until the health of an app meets a condition.
pub(crate) async fn until_health(app: &RunningApp, what: &str, is: impl Fn(&Health) -> bool) {
    eventually(what, async || is(&app.health()).then_some(())).await;
}

#[derive(Debug, Clone)]
pub(crate) struct DeadLetter(pub(crate) QueuedMessage);

impl DeadLetter {
    pub(crate) fn text(&self, header: &str) -> &str {
        self.0
            .headers
            .text(header)
            .unwrap_or_else(|| panic!("no header {header}: {:?}", self.0.headers))
    }

    pub(crate) fn reason(&self) -> &str {
        self.text("tidings-dead-letter-reason")
    }

    pub(crate) fn error(&self) -> &str {
        self.text("tidings-error")
    }

    pub(crate) fn attempts(&self) -> i64 {
        self.0
            .headers
            .get("tidings-attempts")
            .and_then(HeaderValue::as_i64)
            .expect("a dead letter has a count of attempts")
    }

    #[track_caller]
    pub(crate) fn expect_reason(&self, reason: &str, attempts: i64) {
        assert_eq!((self.reason(), self.attempts()), (reason, attempts));
    }

    #[track_caller]
    pub(crate) fn expect_error(&self, text: &str) {
        assert!(self.error().contains(text), "{}", self.error());
    }

    pub(crate) fn body(&self) -> &str {
        std::str::from_utf8(&self.0.body).expect("the body is text")
    }
}

/// Starts an app of the service of the harness with these handlers. All handlers use the same recorder.
macro_rules! start {
    ($harness:expr, $recorder:expr, [$($handler:path),* $(,)?]) => {{
        let bus = $harness.another_bus().await;
        $harness
            .app()
            .state($recorder.clone())
            .handlers(tidings::handlers![$($handler),*])
            .start(bus)
            .await
            .expect("the app starts")
    }};
}
pub(crate) use start;
