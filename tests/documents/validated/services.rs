//! Services with events and handlers of every form that a document can describe.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::describe::Description;
use tidings::{AnyEvent, App, DomainEvent, event_handler, handlers};
use uuid::Uuid;

/// A customer placed an order.
///
/// It is not paid yet.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.created", version = 2, aggregate_id = order_id, upcast_from = OrderCreatedV1)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderCreated {
    pub(crate) order_id: Uuid,
    pub(crate) lines: Vec<Line>,
    pub(crate) note: Option<String>,
    #[serde(default)]
    pub(crate) gift: bool,
    pub(crate) payment: Payment,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) place: (f64, f64),
    pub(crate) total: u64,
}

/// The first version.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.created", aggregate_id = order_id)]
pub(crate) struct OrderCreatedV1 {
    order_id: Uuid,
}

impl From<OrderCreatedV1> for OrderCreated {
    fn from(old: OrderCreatedV1) -> Self {
        Self {
            order_id: old.order_id,
            lines: Vec::new(),
            note: None,
            gift: false,
            payment: Payment::Cash,
            labels: BTreeMap::new(),
            place: (0.0, 0.0),
            total: 0,
        }
    }
}

/// One line of an order.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Line {
    sku: String,
    count: u32,
    /// The parts of the line.
    parts: Vec<Line>,
}

/// How it is paid.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(crate) enum Payment {
    /// At the door.
    Cash,
    /// By card.
    Card { number: String },
}

/// A parcel was sent.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "parcel.sent", aggregate_id = parcel_id, routing_key = "parcel.sent.{region}.{carrier}")]
pub(crate) struct ParcelSent {
    parcel_id: String,
    region: String,
    #[serde(rename = "by")]
    carrier: String,
    #[serde(flatten)]
    size: Size,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Size {
    grams: u32,
    #[serde(flatten)]
    form: Form,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Form {
    Tube { length: u16 },
    Box { sides: [u16; 3] },
}

/// A tree grew. The event contains its own type.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "tree.grown", aggregate_id = tree_id)]
pub(crate) struct TreeGrown {
    tree_id: u32,
    branches: Vec<TreeGrown>,
}

#[derive(Debug, Clone, DomainEvent)]
pub(crate) enum OrderOrElse {
    Created(OrderCreated),
    #[event(other)]
    Other(AnyEvent),
}

/// Packs what was ordered.
///
/// Once for each order.
#[event_handler]
async fn pack(_: OrderCreated) -> Vec<ParcelSent> {
    Vec::new()
}

#[event_handler("order.*", "return.#", ordered_by = "aggregate_id", single_active)]
async fn follow(_: OrderOrElse) -> Option<TreeGrown> {
    None
}

#[event_handler(ephemeral)]
async fn show(_: ParcelSent) {}

#[event_handler("#")]
async fn audit(_: AnyEvent) {}

#[allow(deprecated)]
mod deprecated {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use tidings::DomainEvent;
    use uuid::Uuid;

    use super::{OrderCreated, TreeGrown, event_handler};

    /// A payment arrived.
    #[deprecated = "read `payment.booked`"]
    #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[event(type = "payment.settled", aggregate_id = order_id)]
    pub(crate) struct PaymentSettled {
        order_id: Uuid,
        at: tidings::Timestamp,
    }

    #[event_handler(retry(attempts = 3, rungs = "1s, 1h"))]
    pub(super) async fn book(_: PaymentSettled) {}

    #[event_handler]
    pub(super) async fn charge(
        _: OrderCreated,
    ) -> Result<(PaymentSettled, Option<TreeGrown>), std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

/// A service with handlers of every kind.
pub(crate) fn warehouse() -> Description {
    App::new("warehouse")
        .handlers(handlers![pack, follow, show, audit])
        .describe()
}

/// Another service with common events.
pub(crate) fn billing() -> Description {
    App::new("billing")
        .handlers(handlers![deprecated::book, deprecated::charge])
        .describe()
}
