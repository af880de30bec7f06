//! What the ui tests share: a few events, and a state.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;

/// A customer placed an order.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
pub struct OrderCreated {
    /// The order.
    pub order_id: String,
}

/// A customer took an order back.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
pub struct OrderCancelled {
    /// The order.
    pub order_id: String,
}

/// Money came in.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(aggregate_id = order_id, routing_key = "payment.settled.{currency}")]
pub struct PaymentSettled {
    /// The order that was paid.
    pub order_id: String,
    /// What it was paid in.
    pub currency: String,
}

/// A state.
#[derive(Debug, Clone, Default)]
pub struct Gateway;

/// A handler for others to list.
#[tidings::event_handler("#")]
pub async fn audit(_event: tidings::AnyEvent) {}
