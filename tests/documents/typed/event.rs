//! The events of both sides, and our service, which returns a payment for each order.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{App, DomainEvent, Event, State, event_handler, handlers};
use tokio::sync::mpsc::UnboundedSender;
use uuid::Uuid;

/// A customer placed an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.placed", version = 2, aggregate_id = order_id, upcast_from = OrderPlacedV1)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderPlaced {
    pub(crate) order_id: Uuid,
    pub(crate) customer: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) payment: Payment,
    /// Latitude and longitude.
    pub(crate) place: (f64, f64),
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) total_cents: u64,
    pub(crate) note: Option<String>,
    #[serde(default)]
    pub(crate) express: bool,
}

/// The first version, with fewer fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.placed", aggregate_id = order_id)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderPlacedV1 {
    order_id: Uuid,
    customer: String,
    total_cents: u32,
}

impl From<OrderPlacedV1> for OrderPlaced {
    fn from(old: OrderPlacedV1) -> Self {
        Self {
            order_id: old.order_id,
            customer: old.customer,
            lines: Vec::new(),
            payment: Payment::Cash,
            place: (0.0, 0.0),
            labels: BTreeMap::new(),
            total_cents: old.total_cents.into(),
            note: None,
            express: false,
        }
    }
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) count: u32,
    /// The parts of the line.
    pub(crate) parts: Vec<Line>,
}

/// How an order is paid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(crate) enum Payment {
    /// At the door.
    Cash,
    /// By card.
    Card { number: String },
}

/// An order was paid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "payment.booked", aggregate_id = order_id)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaymentBooked {
    pub(crate) order_id: Uuid,
    pub(crate) amount_cents: u64,
    pub(crate) method: Method,
    pub(crate) note: Option<String>,
}

/// The means of payment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Method {
    /// Coins and notes.
    Cash,
    /// A card.
    Card,
}

type Orders = UnboundedSender<Event<OrderPlaced>>;

#[event_handler]
async fn take_payment(order: Event<OrderPlaced>, State(orders): State<Orders>) -> PaymentBooked {
    let payment = PaymentBooked {
        order_id: order.order_id,
        amount_cents: order.total_cents,
        method: match order.payment {
            Payment::Cash => Method::Cash,
            Payment::Card { .. } => Method::Card,
        },
        note: None,
    };
    // The test may have ended.
    let _ = orders.send(order);
    payment
}

pub(crate) fn payments(orders: Orders) -> App<Orders> {
    App::new("payments")
        .state(orders)
        .handlers(handlers![take_payment])
}
