//! The events of the shop. The services share nothing else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;
use uuid::Uuid;

/// A customer placed an order.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.created", aggregate_id = order_id, example = order_created())]
pub struct OrderCreated {
    /// The order.
    pub order_id: Uuid,
    /// The customer.
    pub customer: String,
    /// The ordered item.
    pub item: String,
    /// The quantity.
    pub quantity: u32,
    /// The total price in cents.
    pub total_cents: u64,
    /// The card to charge, as the customer wrote it.
    pub card: String,
}

/// The example in the contract.
fn order_created() -> OrderCreated {
    OrderCreated {
        order_id: Uuid::from_u128(0x0193_5c8e_7f60_7a51_9c1e_5d0f_7b3a_2e44),
        customer: "Ada".to_owned(),
        item: "teapot".to_owned(),
        quantity: 2,
        total_cents: 4200,
        card: "4242 4242 4242 4242".to_owned(),
    }
}

/// An order was cancelled.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.cancelled", aggregate_id = order_id)]
pub struct OrderCancelled {
    /// The order.
    pub order_id: Uuid,
    /// The reason, as a text for the customer.
    pub reason: String,
}

/// The payment of an order succeeded.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "payment.settled", aggregate_id = order_id)]
pub struct PaymentSettled {
    /// The order.
    pub order_id: Uuid,
    /// The charged amount in cents.
    pub cents: u64,
}

/// The payment of an order failed, because the card was declined.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "payment.failed", aggregate_id = order_id)]
pub struct PaymentFailed {
    /// The order.
    pub order_id: Uuid,
    /// The reason.
    pub reason: String,
}

/// The stock of an order is reserved.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "stock.reserved", aggregate_id = order_id)]
pub struct StockReserved {
    /// The order.
    pub order_id: Uuid,
    /// The item.
    pub item: String,
    /// The quantity.
    pub quantity: u32,
}

/// The stock of an order is released.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "stock.released", aggregate_id = order_id)]
pub struct StockReleased {
    /// The order.
    pub order_id: Uuid,
}

/// The events of an order.
#[derive(Debug, Clone, DomainEvent)]
pub enum OrderEvent {
    /// The order was placed.
    Created(OrderCreated),
    /// The order was cancelled.
    Cancelled(OrderCancelled),
}

/// The events of a payment.
#[derive(Debug, Clone, DomainEvent)]
pub enum PaymentEvent {
    /// The payment succeeded.
    Settled(PaymentSettled),
    /// The payment failed.
    Failed(PaymentFailed),
}

/// The events of an order's stock.
#[derive(Debug, Clone, DomainEvent)]
pub enum StockEvent {
    /// The stock was reserved.
    Reserved(StockReserved),
    /// The stock was released.
    Released(StockReleased),
}
