//! The events and handlers of the suite. A handler has no will of its own: it says what came, and does what the
//! script of its test tells it.

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
use tokio::sync::mpsc;

use crate::stage::within;

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

/// An order was shipped, in a region that is part of the key.
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

/// Known in version 2 alone: nothing leads there from version 1.
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

/// What a script answers.
pub(crate) type Answer = Result<Vec<Reply>, HandlerError>;

type Script = Arc<dyn Fn(Seen) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// The state of every app: it tells the test what came, and the handler what to do.
#[derive(Clone)]
pub(crate) struct Hands {
    seen: mpsc::UnboundedSender<Seen>,
    script: Script,
}

/// An attempt as its handler saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) delivery: Delivery,
    /// What the event says of itself.
    pub(crate) order: String,
    pub(crate) number: u32,
}

/// What the handlers saw, in the order they began.
pub(crate) struct Log(mpsc::UnboundedReceiver<Seen>, VecDeque<Seen>);

impl Hands {
    /// Hands that follow `script`.
    pub(crate) fn new<Fut>(script: impl Fn(Seen) -> Fut + Send + Sync + 'static) -> (Self, Log)
    where
        Fut: Future<Output = Answer> + Send + 'static,
    {
        let (seen, log) = mpsc::unbounded_channel();
        let script: Script = Arc::new(move |seen| Box::pin(script(seen)));
        (Self { seen, script }, Log(log, VecDeque::new()))
    }

    /// Hands that do nothing.
    pub(crate) fn idle() -> (Self, Log) {
        Self::new(async |_| Ok(Vec::new()))
    }

    /// Hands that act on their own and tell the same test.
    pub(crate) fn with_script<Fut>(&self, script: impl Fn(Seen) -> Fut + Send + Sync + 'static) -> Self
    where
        Fut: Future<Output = Answer> + Send + 'static,
    {
        let script: Script = Arc::new(move |seen| Box::pin(script(seen)));
        Self {
            seen: self.seen.clone(),
            script,
        }
    }

    async fn act(&self, delivery: Delivery) -> Answer {
        let seen = Seen::of(delivery);
        // A test that has seen enough is gone.
        let _ = self.seen.send(seen.clone());
        (self.script)(seen).await
    }
}

impl Seen {
    fn of(delivery: Delivery) -> Self {
        let data: serde_json::Value = serde_json::from_str(delivery.event().json()).expect("it was decoded");
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
    /// The next attempt that began.
    pub(crate) async fn next(&mut self) -> Seen {
        if let Some(seen) = self.1.pop_front() {
            return seen;
        }
        let next = within("a handler to be called", self.0.recv()).await;
        next.expect("an app still has its hands")
    }

    /// The next `count` attempts that began.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Seen> {
        let mut all = Vec::with_capacity(count);
        for _ in 0..count {
            all.push(self.next().await);
        }
        all
    }

    /// The numbers of the next `count` attempts, sorted.
    pub(crate) async fn numbers(&mut self, count: usize) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.take(count).await.iter().map(|seen| seen.number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The next attempt that began, if one did.
    pub(crate) fn try_next(&mut self) -> Option<Seen> {
        self.1.pop_front().or_else(|| self.0.try_recv().ok())
    }

    /// Makes sure that nothing of this aggregate began that was not taken yet; others stay to be taken.
    pub(crate) fn expect_nothing_of(&mut self, order: &str) {
        let mut others = Vec::new();
        while let Some(seen) = self.try_next() {
            assert_ne!(
                seen.order, order,
                "a handler was called that should not have been: {seen:?}"
            );
            others.push(seen);
        }
        self.1.extend(others);
    }

    /// Makes sure that nothing began that was not taken yet.
    pub(crate) fn expect_nothing(&mut self) {
        if let Some(seen) = self.try_next() {
            panic!("a handler was called that should not have been: {seen:?}");
        }
    }
}

#[event_handler(retry(attempts = 3, rungs = "1s, 1s"))]
pub(crate) async fn plain(_: Placed, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

#[event_handler(retry(attempts = 3, rungs = "1s, 1s"))]
pub(crate) async fn pays(_: Paid, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

#[event_handler(retry(attempts = 2, rungs = "1s"))]
pub(crate) async fn ships(_: Shipped, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

#[event_handler(timeout = "100ms", retry(attempts = 2, rungs = "1s"))]
pub(crate) async fn hasty(_: Placed, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

#[event_handler(retry(attempts = 3, rungs = "1s, 5s"))]
pub(crate) async fn slow_rungs(_: Placed, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

#[event_handler(concurrency = 3)]
pub(crate) async fn narrow(_: Placed, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

#[event_handler(prefetch = 4)]
pub(crate) async fn windowed(_: Placed, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

#[event_handler(concurrency = 1, prefetch = 4)]
pub(crate) async fn single_file(_: Placed, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

#[event_handler(ordered_by = "aggregate_id", retry(attempts = 3, rungs = "1s, 1s"))]
pub(crate) async fn ordered(_: Placed, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

#[event_handler(
    ordered_by = "aggregate_id",
    on_dead_letter = "pause",
    retry(attempts = 1, rungs = "1s")
)]
pub(crate) async fn pausing(_: Placed, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

#[event_handler(ordered_by = "aggregate_id", single_active)]
pub(crate) async fn single(_: Placed, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

#[event_handler(ephemeral)]
pub(crate) async fn every(_: Placed, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

#[event_handler("order.*")]
pub(crate) async fn wild(_: Placed, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

#[event_handler("order.#")]
pub(crate) async fn family(_: PlacedOrPaid, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

#[event_handler("#")]
pub(crate) async fn anything(event: AnyEvent, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    assert_eq!(event.event_type(), delivery.event_type());
    hands.act(delivery).await
}

#[event_handler(queue = "shared")]
pub(crate) async fn shared_placed(_: Placed, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

#[event_handler(queue = "shared")]
pub(crate) async fn shared_paid(_: Paid, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

#[event_handler(retry(attempts = 2, rungs = "1s"))]
pub(crate) async fn prices(price: Event<PriceSet>, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    assert_eq!(price.currency, "EUR");
    assert_eq!(price.cents, 1_200);
    hands.act(delivery).await
}

#[event_handler]
pub(crate) async fn counts(_: Counted, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

/// Tells when the app begins to shut down.
#[event_handler]
pub(crate) async fn patient(
    _: Placed,
    mut shutdown: Shutdown,
    delivery: Delivery,
    State(hands): State<Hands>,
) -> Answer {
    assert!(!shutdown.is_requested());
    let answer = hands.act(delivery.clone()).await;
    shutdown.requested().await;
    hands.act(delivery).await?;
    answer
}

/// The header `tenant`.
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
pub(crate) async fn tenanted(_: Placed, _: Tenant, delivery: Delivery, State(hands): State<Hands>) -> Answer {
    hands.act(delivery).await
}

/// The account is empty.
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
    State(hands): State<Hands>,
) -> anyhow::Result<()> {
    use anyhow::Context as _;
    hands
        .act(delivery)
        .await
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    Err(NoFunds)
        .context("the gateway said no")
        .context("cannot charge")
}

#[event_handler]
pub(crate) async fn carrying(
    _: Placed,
    delivery: Delivery,
    State(hands): State<Hands>,
) -> anyhow::Result<()> {
    use anyhow::Context as _;
    hands
        .act(delivery)
        .await
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    Err(HandlerError::reject("card declined").into_error()).context("cannot charge")
}

/// The service as it was before: it bound more.
pub(crate) mod elder {
    use super::{Answer, Delivery, Hands, Placed, State, event_handler};

    #[event_handler("order.*", name = "plain")]
    pub(crate) async fn plain(_: Placed, delivery: Delivery, State(hands): State<Hands>) -> Answer {
        hands.act(delivery).await
    }
}
