//! The code that the macros generate passes the strictest lints: `cargo clippy -p tidings-tests --test emitted` reports
//! nothing.
#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    unused,
    nonstandard_style,
    future_incompatible,
    rust_2018_idioms
)]
#![deny(
    missing_debug_implementations,
    missing_copy_implementations,
    unused_qualifications,
    unused_results,
    single_use_lifetimes,
    trivial_casts
)]
#![deny(clippy::all, clippy::pedantic)]
#![forbid(unsafe_code)]
// A handler is an async function even if it awaits nothing.
#![allow(clippy::unused_async)]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{
    AnyEvent, App, Delivery, DomainEvent, Event, HandlerError, State, event_handler, events, handlers,
};

/// The first version of `OrderTaken`.
#[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
pub struct OrderCreated {
    /// The order.
    pub order_id: String,
}

/// A customer placed an order.
#[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(
    type = "order.created",
    version = 2,
    aggregate_id = order.id,
    routing_key = "order.created.{order.region}.{type}",
    upcast_from = OrderCreated,
    example = OrderTaken { order: Order { id: 7, region: "eu".to_owned() }, r#type: "web".to_owned() }
)]
pub struct OrderTaken {
    /// The order.
    pub order: Order,
    /// The sales channel.
    pub r#type: String,
}

/// An order in one region.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Order {
    /// The number of the order.
    pub id: u64,
    /// The region of the customer.
    pub region: String,
}

impl TryFrom<OrderCreated> for OrderTaken {
    type Error = std::num::ParseIntError;

    fn try_from(old: OrderCreated) -> Result<Self, Self::Error> {
        let id = old.order_id.parse()?;
        let region = "eu".to_owned();
        let order = Order { id, region };
        let r#type = "web".to_owned();
        Ok(Self { order, r#type })
    }
}

/// A customer cancelled an order.
#[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
pub struct OrderCancelled {
    /// The order.
    pub order_id: String,
}

/// The events of an order.
#[derive(Debug, DomainEvent)]
pub enum OrderEvent {
    /// A customer placed the order.
    Taken(OrderTaken),
    /// A customer cancelled the order.
    Cancelled(OrderCancelled),
    /// Any other event.
    #[event(other)]
    Other(AnyEvent),
}

/// The state of the app.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gateway;

/// Charges the customer.
///
/// # Errors
/// When the event has no id.
#[event_handler(
    "order.created.*.*",
    "order.created",
    name = "payments.take",
    queue = "payments",
    concurrency = 8,
    prefetch = 16,
    breaker = 30,
    retry(attempts = 3, rungs = "1s, 5s"),
    timeout = "10s",
    ordered_by = "aggregate_id",
    on_dead_letter = "pause",
    single_active,
    reject_on(std::fmt::Error)
)]
pub async fn take_payment(
    order: Event<OrderTaken>,
    State(gateway): State<Gateway>,
    delivery: Delivery,
) -> Result<(OrderCancelled, Option<OrderTaken>), HandlerError> {
    let Gateway = gateway;
    if delivery.id().is_empty() {
        return Err(HandlerError::reject("no id"));
    }
    let order_id = order.order.id.to_string();
    Ok((OrderCancelled { order_id }, None))
}

#[event_handler("order.#", timeout = "90s")]
async fn follow(event: OrderEvent) -> Vec<OrderCancelled> {
    drop(event);
    Vec::new()
}

#[event_handler]
async fn cancel(_: OrderCancelled) {}

#[event_handler("#", ephemeral)]
pub(crate) async fn watch(event: AnyEvent) {
    drop(event);
}

#[test]
fn generated_code_passes_the_strictest_lints() {
    assert_eq!(events![OrderTaken, OrderCancelled].len(), 2);
    let app = App::new("payments")
        .state(Gateway)
        .handlers(handlers![take_payment, follow, cancel, watch]);
    assert_eq!(app.describe().handlers.len(), 4);
}
