//! Events, a state and a handler that the ui tests share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;

/// A customer placed an order.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
pub struct OrderCreated {
    /// The id of the order.
    pub order_id: String,
}

/// A customer cancelled an order.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
pub struct OrderCancelled {
    /// The id of the order.
    pub order_id: String,
}

/// The payment of an order arrived.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(aggregate_id = order_id, routing_key = "payment.settled.{currency}")]
pub struct PaymentSettled {
    /// The id of the order that was paid.
    pub order_id: String,
    /// The currency of the payment.
    pub currency: String,
}

/// The state of the handlers that need one.
#[derive(Debug, Clone, Default)]
pub struct Gateway;

/// A handler for lists in other crates.
#[tidings::event_handler("#")]
pub async fn audit(_event: tidings::AnyEvent) {}
