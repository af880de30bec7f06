//! The events of both sides.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidings::DomainEvent;
use uuid::Uuid;

/// A customer placed an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderCreated {
    pub(crate) order_id: Uuid,
    pub(crate) customer: String,
    pub(crate) total_cents: u64,
    pub(crate) lines: Vec<Line>,
    pub(crate) note: Option<String>,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) count: i32,
}

/// An order was paid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(aggregate_id = order_id)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaymentSettled {
    pub(crate) order_id: Uuid,
    pub(crate) amount_cents: u64,
    pub(crate) method: Option<String>,
}

/// An event and its envelope, as a foreign service publishes it.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) event: OrderCreated,
    pub(crate) envelope: Value,
}

/// An order whose envelope has every field.
pub(crate) fn order() -> Order {
    let event = OrderCreated {
        order_id: Uuid::new_v4(),
        customer: "Zoë \"Z\" O’Neil 🛒".to_owned(),
        total_cents: 9_007_199_254_740_991,
        lines: vec![Line {
            sku: "tea/green".to_owned(),
            count: -1,
        }],
        note: None,
    };
    let envelope = json!({
        "id": Uuid::new_v4(),
        "type": "order.created",
        "timestamp": "2026-11-23T10:00:00.120Z",
        "aggregateId": event.order_id,
        "correlationId": format!("checkout of {}", event.order_id),
        "causationId": "cart-17",
        "version": 1,
        "source": "web shop",
        "data": event,
    });
    Order { event, envelope }
}

pub(crate) fn payment() -> PaymentSettled {
    PaymentSettled {
        order_id: Uuid::new_v4(),
        amount_cents: 9_007_199_254_740_991,
        method: None,
    }
}
