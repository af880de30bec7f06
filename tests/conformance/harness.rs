//! A test's own place on the broker, and what it does and sees there.

use std::future::Future;
use std::time::Duration;

use tidings::health::Health;
use tidings::{App, Bus, BusBuilder, HeaderValue, Headers, NoState, Properties, RunningApp};
use uuid::Uuid;

use crate::fixture::{Fixture, Queued};

/// How long anything may take. Far more than it does: a busy machine must not fail a test.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A test's own place on the broker: a service name and an exchange that no other test has.
pub(crate) struct Stage<F> {
    pub(crate) broker: F,
    pub(crate) service: String,
    pub(crate) exchange: String,
    /// A bus to publish on, which belongs to no app.
    pub(crate) bus: Bus,
}

impl<F: Fixture> Stage<F> {
    pub(crate) async fn new() -> Self {
        let run = &Uuid::new_v4().simple().to_string()[..12];
        let broker = F::ready().await;
        let exchange = format!("events-{run}");
        let bus = broker.bus(settings(&exchange)).await;
        Self {
            broker,
            service: format!("svc-{run}"),
            exchange,
            bus,
        }
    }

    /// The settings of every bus here: rungs scaled so that a second's takes 50 ms.
    pub(crate) fn settings(&self) -> BusBuilder {
        settings(&self.exchange)
    }

    /// One more bus, over a connection of its own.
    pub(crate) async fn another_bus(&self) -> Bus {
        self.broker.bus(self.settings()).await
    }

    /// An app of this test's service.
    pub(crate) fn app(&self) -> App<NoState> {
        App::new(&self.service)
    }

    /// The full name of a handler's queue.
    pub(crate) fn queue(&self, handler: &str) -> String {
        format!("{}.{handler}", self.service)
    }

    /// Publishes a body under a key as a service in another language does, with no properties at all.
    pub(crate) async fn publish_raw(&self, routing_key: &str, body: &str) {
        self.publish_as(
            routing_key,
            Properties::default(),
            Headers::new(),
            body.as_bytes(),
        )
        .await;
    }

    /// Publishes a body with properties and headers.
    pub(crate) async fn publish_as(
        &self,
        routing_key: &str,
        properties: Properties,
        headers: Headers,
        body: &[u8],
    ) {
        let sent = self
            .broker
            .publish(&self.exchange, routing_key, properties, headers, body);
        within("a publish from outside", sent).await;
    }

    /// Waits until a handler has `count` dead letters, and gives them in order.
    pub(crate) async fn dead_letters(&self, handler: &str, count: usize) -> Vec<Dead> {
        let queue = format!("{}.dlq", self.queue(handler));
        let what = format!("{count} dead letters in {queue}");
        let letters = eventually(&what, async || {
            let letters = self.broker.messages(&queue).await;
            (letters.len() >= count).then_some(letters)
        })
        .await;
        assert_eq!(letters.len(), count, "dead letters in {queue}: {letters:?}");
        letters.into_iter().map(Dead).collect()
    }

    /// The one dead letter of a handler.
    pub(crate) async fn dead_letter(&self, handler: &str) -> Dead {
        self.dead_letters(handler, 1).await.remove(0)
    }

    /// Makes sure that a handler has no dead letters.
    pub(crate) async fn expect_no_dead_letters(&self, handler: &str) {
        let letters = self
            .broker
            .messages(&format!("{}.dlq", self.queue(handler)))
            .await;
        assert!(letters.is_empty(), "{letters:?}");
    }
}

fn settings(exchange: &str) -> BusBuilder {
    Bus::builder()
        .exchange(exchange)
        .speed_up(20)
        .publish_timeout(DEADLINE)
}

/// Waits for something that comes, and says what did not.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .unwrap_or_else(|_| panic!("waited {DEADLINE:?} in vain for {what}"))
}

/// Looks again and again until there is something. For what the broker does not tell: a queue's depth, an app's health.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(what, looking).await
}

/// Waits until an app's health is as wanted.
pub(crate) async fn healthy(app: &RunningApp, what: &str, is: impl Fn(&Health) -> bool) {
    eventually(what, async || is(&app.health()).then_some(())).await;
}

/// A dead letter as it lies in its queue.
#[derive(Debug, Clone)]
pub(crate) struct Dead(pub(crate) Queued);

impl Dead {
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
            .expect("a dead letter says how many attempts there were")
    }

    pub(crate) fn body(&self) -> &str {
        std::str::from_utf8(&self.0.body).expect("the body is text")
    }
}

/// Starts an app of the stage's service with these handlers, all with the same hands.
macro_rules! start {
    ($stage:expr, $hands:expr, [$($handler:path),* $(,)?]) => {{
        let bus = $stage.another_bus().await;
        $stage
            .app()
            .state($hands.clone())
            .handlers(tidings::handlers![$($handler),*])
            .start(bus)
            .await
            .expect("the app starts")
    }};
}
pub(crate) use start;
