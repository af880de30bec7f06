//! The events that the services share: all that one of them has to know of another.

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
    /// Who pays.
    pub customer: String,
    /// What is bought.
    pub item: String,
    /// How many of it.
    pub quantity: u32,
    /// What all of it costs.
    pub total_cents: u64,
    /// The card to charge, as the customer wrote it.
    pub card: String,
}

/// What its contract shows.
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

/// An order will not be carried out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.cancelled", aggregate_id = order_id)]
pub struct OrderCancelled {
    /// The order.
    pub order_id: Uuid,
    /// Why, for the customer to read.
    pub reason: String,
}

/// What an order costs was charged.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "payment.settled", aggregate_id = order_id)]
pub struct PaymentSettled {
    /// The order.
    pub order_id: Uuid,
    /// How much was charged.
    pub cents: u64,
}

/// An order cannot be paid: the card was declined. That is an answer, and no failure of the handler's.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "payment.failed", aggregate_id = order_id)]
pub struct PaymentFailed {
    /// The order.
    pub order_id: Uuid,
    /// Why.
    pub reason: String,
}

/// What was ordered is set aside.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "stock.reserved", aggregate_id = order_id)]
pub struct StockReserved {
    /// The order.
    pub order_id: Uuid,
    /// The item.
    pub item: String,
    /// How many of it.
    pub quantity: u32,
}

/// What was set aside for an order, if anything, is for sale again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "stock.released", aggregate_id = order_id)]
pub struct StockReleased {
    /// The order.
    pub order_id: Uuid,
}

/// What becomes of an order.
#[derive(Debug, Clone, DomainEvent)]
pub enum OrderEvent {
    /// It was placed.
    Created(OrderCreated),
    /// It was given up.
    Cancelled(OrderCancelled),
}

/// What becomes of a payment.
#[derive(Debug, Clone, DomainEvent)]
pub enum PaymentEvent {
    /// The money is there.
    Settled(PaymentSettled),
    /// It will never be.
    Failed(PaymentFailed),
}

/// What becomes of the stock of an order.
#[derive(Debug, Clone, DomainEvent)]
pub enum StockEvent {
    /// It was set aside.
    Reserved(StockReserved),
    /// It is for sale again.
    Released(StockReleased),
}
