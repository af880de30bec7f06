//! The events and handlers of the suite.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{
    AnyEvent, Delivery, DomainEvent, Event, FromDelivery, HandlerError, Rejection, Shutdown, State,
    event_handler,
};
use tokio::sync::{Semaphore, mpsc};

use tidings_test_support::wait::within;

/// An order was placed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.placed", aggregate_id = order)]
pub(crate) struct Placed {
    pub(crate) order: String,
    pub(crate) number: u32,
}

/// An order was paid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.paid", aggregate_id = order)]
pub(crate) struct Paid {
    pub(crate) order: String,
    pub(crate) number: u32,
}

/// An order was shipped. The region is part of the routing key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.shipped", aggregate_id = order, routing_key = "order.shipped.{region}")]
pub(crate) struct Shipped {
    pub(crate) order: String,
    pub(crate) region: String,
}

#[derive(Debug, Clone, PartialEq, DomainEvent)]
pub(crate) enum Reply {
    Placed(Placed),
    Paid(Paid),
    Shipped(Shipped),
}

#[derive(Debug, Clone, PartialEq, DomainEvent)]
pub(crate) enum PlacedOrPaid {
    Placed(Placed),
    Paid(Paid),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "price.set", aggregate_id = item)]
pub(crate) struct PriceSetV1 {
    pub(crate) item: String,
    pub(crate) euros: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "price.set", version = 2, aggregate_id = item, upcast_from = PriceSetV1)]
pub(crate) struct PriceSetV2 {
    pub(crate) item: String,
    pub(crate) cents: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "price.set", version = 3, aggregate_id = item, upcast_from = PriceSetV2)]
pub(crate) struct PriceSet {
    pub(crate) item: String,
    pub(crate) cents: u64,
    pub(crate) currency: String,
}

impl TryFrom<PriceSetV1> for PriceSetV2 {
    type Error = std::num::ParseIntError;

    fn try_from(old: PriceSetV1) -> Result<Self, Self::Error> {
        let cents = old.euros.parse::<u64>()? * 100;
        Ok(Self {
            item: old.item,
            cents,
        })
    }
}

impl From<PriceSetV2> for PriceSet {
    fn from(old: PriceSetV2) -> Self {
        Self {
            item: old.item,
            cents: old.cents,
            currency: "EUR".to_owned(),
        }
    }
}

/// An event with version 2 only: version 1 cannot be upcast.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "stock.counted", version = 2, aggregate_id = item)]
pub(crate) struct Counted {
    pub(crate) item: String,
}

pub(crate) fn placed(order: &str, number: u32) -> Placed {
    Placed {
        order: order.to_owned(),
        number,
    }
}

pub(crate) fn paid(order: &str, number: u32) -> Paid {
    Paid {
        order: order.to_owned(),
        number,
    }
}

pub(crate) type HandlerResult = Result<Vec<Reply>, HandlerError>;

type Script = Arc<dyn Fn(Attempt) -> Pin<Box<dyn Future<Output = HandlerResult> + Send>> + Send + Sync>;

/// The state of every app. It reports each attempt to the test and runs the script of the test.
#[derive(Clone)]
pub(crate) struct Recorder {
    seen: mpsc::UnboundedSender<Attempt>,
    script: Script,
}

/// An attempt, as the handler received it.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) delivery: Delivery,
    pub(crate) order: String,
    pub(crate) number: u32,
}

/// The attempts in the order in which they started.
pub(crate) struct Log(mpsc::UnboundedReceiver<Attempt>, VecDeque<Attempt>);

impl Recorder {
    pub(crate) fn new<Fut>(script: impl Fn(Attempt) -> Fut + Send + Sync + 'static) -> (Self, Log)
    where
        Fut: Future<Output = HandlerResult> + Send + 'static,
    {
        let (seen, log) = mpsc::unbounded_channel();
        let script: Script = Arc::new(move |seen| Box::pin(script(seen)));
        (Self { seen, script }, Log(log, VecDeque::new()))
    }

    /// A recorder whose handlers succeed at once.
    pub(crate) fn idle() -> (Self, Log) {
        Self::new(async |_| Ok(Vec::new()))
    }

    /// A recorder whose handlers wait for a permit of the returned semaphore.
    pub(crate) fn waiting() -> (Self, Log, Arc<Semaphore>) {
        let permits = Arc::new(Semaphore::new(0));
        let shared = Arc::clone(&permits);
        let (recorder, log) = Self::new(move |_| {
            let permits = Arc::clone(&shared);
            async move {
                permits.acquire().await.expect("the semaphore is open").forget();
                Ok(Vec::new())
            }
        });
        (recorder, log, permits)
    }

    /// A recorder with another script that reports to the same log.
    pub(crate) fn with_script<Fut>(&self, script: impl Fn(Attempt) -> Fut + Send + Sync + 'static) -> Self
    where
        Fut: Future<Output = HandlerResult> + Send + 'static,
    {
        let script: Script = Arc::new(move |seen| Box::pin(script(seen)));
        Self {
            seen: self.seen.clone(),
            script,
        }
    }

    async fn record(&self, delivery: Delivery) -> HandlerResult {
        let seen = Attempt::of(delivery);
        // The test may have ended.
        let _ = self.seen.send(seen.clone());
        (self.script)(seen).await
    }
}

impl Attempt {
    fn of(delivery: Delivery) -> Self {
        let data: serde_json::Value =
            serde_json::from_str(delivery.event().json()).expect("the data is JSON");
        let number = data["number"].as_u64().unwrap_or(0);
        Self {
            order: data["order"].as_str().unwrap_or_default().to_owned(),
            number: u32::try_from(number).expect("numbers are small"),
            delivery,
        }
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.delivery.attempt()
    }

    pub(crate) fn handler(&self) -> &str {
        self.delivery.handler()
    }
}

impl Log {
    pub(crate) async fn next(&mut self) -> Attempt {
        if let Some(seen) = self.1.pop_front() {
            return seen;
        }
        let next = within("the next attempt", self.0.recv()).await;
        next.expect("an app still runs")
    }

    /// Waits for the next `count` attempts.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Attempt> {
        let mut all = Vec::with_capacity(count);
        for _ in 0..count {
            all.push(self.next().await);
        }
        all
    }

    /// Waits for the next `count` attempts and returns their numbers, sorted.
    pub(crate) async fn numbers(&mut self, count: usize) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.take(count).await.iter().map(|seen| seen.number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Returns the next attempt, if there is one already.
    pub(crate) fn try_next(&mut self) -> Option<Attempt> {
        self.1.pop_front().or_else(|| self.0.try_recv().ok())
    }

    /// Checks that no attempt of this aggregate started since the last call. Other attempts stay in the log.
    pub(crate) fn expect_nothing_of(&mut self, order: &str) {
        let mut others = Vec::new();
        while let Some(seen) = self.try_next() {
            assert_ne!(seen.order, order, "unexpected attempt: {seen:?}");
            others.push(seen);
        }
        self.1.extend(others);
    }

    /// Checks that no attempt started since the last call.
    pub(crate) fn expect_nothing(&mut self) {
        if let Some(seen) = self.try_next() {
            panic!("unexpected attempt: {seen:?}");
        }
    }
}

/// Defines handlers that record each attempt: `name(options): Event;`.
macro_rules! recording {
    ($($name:ident($($options:tt)*): $event:ident;)+) => {
        $(
            #[event_handler($($options)*)]
            pub(crate) async fn $name(
                _: $event,
                delivery: Delivery,
                State(recorder): State<Recorder>,
            ) -> HandlerResult {
                recorder.record(delivery).await
            }
        )+
    };
}

recording! {
    plain(retry(attempts = 3, rungs = "1s, 1s")): Placed;
    pays(retry(attempts = 3, rungs = "1s, 1s")): Paid;
    ships(retry(attempts = 2, rungs = "1s")): Shipped;
    short_timeout(timeout = "100ms", retry(attempts = 2, rungs = "1s")): Placed;
    slow_rungs(retry(attempts = 3, rungs = "1s, 5s")): Placed;
    three_at_a_time(concurrency = 3): Placed;
    prefetching_four(prefetch = 4): Placed;
    one_at_a_time(concurrency = 1, prefetch = 4): Placed;
    ordered(ordered_by = "aggregate_id", retry(attempts = 3, rungs = "1s, 1s")): Placed;
    pausing(ordered_by = "aggregate_id", on_dead_letter = "pause", retry(attempts = 1, rungs = "1s")): Placed;
    single(ordered_by = "aggregate_id", single_active): Placed;
    every(ephemeral): Placed;
    wild("order.*"): Placed;
    family("order.#"): PlacedOrPaid;
    shared_placed(queue = "shared"): Placed;
    shared_paid(queue = "shared"): Paid;
}

#[event_handler("#")]
pub(crate) async fn anything(
    event: AnyEvent,
    delivery: Delivery,
    State(recorder): State<Recorder>,
) -> HandlerResult {
    assert_eq!(event.event_type(), delivery.event_type());
    recorder.record(delivery).await
}

#[event_handler(retry(attempts = 2, rungs = "1s"))]
pub(crate) async fn prices(
    price: Event<PriceSet>,
    delivery: Delivery,
    State(recorder): State<Recorder>,
) -> HandlerResult {
    assert_eq!(price.currency, "EUR");
    assert_eq!(price.cents, 1_200);
    recorder.record(delivery).await
}

#[event_handler]
pub(crate) async fn counts(
    _: Counted,
    delivery: Delivery,
    State(recorder): State<Recorder>,
) -> HandlerResult {
    recorder.record(delivery).await
}

/// Records the attempt again when the app begins to shut down.
#[event_handler]
pub(crate) async fn awaiting_shutdown(
    _: Placed,
    mut shutdown: Shutdown,
    delivery: Delivery,
    State(recorder): State<Recorder>,
) -> HandlerResult {
    assert!(!shutdown.is_requested());
    let result = recorder.record(delivery.clone()).await;
    shutdown.requested().await;
    recorder.record(delivery).await?;
    result
}

/// An extractor of the header `tenant`.
pub(crate) struct Tenant;

impl<S: Sync> FromDelivery<S> for Tenant {
    async fn from_delivery(delivery: &Delivery, _: &S) -> Result<Self, Rejection> {
        match delivery.headers().text("tenant") {
            Some("later") if delivery.attempt() < 2 => Err(Rejection::retry("the tenant is not there yet")),
            Some(_) => Ok(Self),
            None => Err("the header `tenant` is missing".into()),
        }
    }
}

#[event_handler(retry(attempts = 3, rungs = "1s"))]
pub(crate) async fn tenanted(
    _: Placed,
    _: Tenant,
    delivery: Delivery,
    State(recorder): State<Recorder>,
) -> HandlerResult {
    recorder.record(delivery).await
}

#[derive(Debug)]
pub(crate) struct NoFunds;

impl std::fmt::Display for NoFunds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no funds")
    }
}

impl std::error::Error for NoFunds {}

#[event_handler(reject_on(NoFunds))]
pub(crate) async fn charging(
    _: Placed,
    delivery: Delivery,
    State(recorder): State<Recorder>,
) -> anyhow::Result<()> {
    use anyhow::Context as _;
    recorder
        .record(delivery)
        .await
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    Err(NoFunds)
        .context("the gateway said no")
        .context("cannot charge")
}

#[event_handler]
pub(crate) async fn wrapping_rejection(
    _: Placed,
    delivery: Delivery,
    State(recorder): State<Recorder>,
) -> anyhow::Result<()> {
    use anyhow::Context as _;
    recorder
        .record(delivery)
        .await
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    Err(HandlerError::reject("card declined").into_error()).context("cannot charge")
}

/// The previous version of the service, which bound more keys.
pub(crate) mod older_version {
    use super::{Delivery, HandlerResult, Placed, Recorder, State, event_handler};

    #[event_handler("order.*", name = "plain")]
    pub(crate) async fn plain(
        _: Placed,
        delivery: Delivery,
        State(recorder): State<Recorder>,
    ) -> HandlerResult {
        recorder.record(delivery).await
    }
}
