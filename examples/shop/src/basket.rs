//! The basket: the orders that a run places, and the expected outcome of each.

use uuid::Uuid;

use crate::inventory::CATALOGUE;
use crate::storefront::NewOrder;

const CUSTOMERS: [&str; 5] = ["Ada", "Grace", "Alan", "Edsger", "Barbara"];

/// An order to place.
#[derive(Debug, Clone)]
pub struct PlannedOrder {
    /// The order.
    pub order: NewOrder,
    /// The correlation id of its request, and of every event that follows.
    pub correlation_id: String,
    /// The expected outcome.
    pub expected: Expected,
}

/// The expected outcome of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It is paid, and its stock is reserved.
    Paid,
    /// The bank declines its card. It is cancelled, and its stock is released.
    Cancelled,
    /// Its card is unknown, so payments rejects it. The order stays unpaid with reserved stock until someone handles
    /// the dead letter.
    Stuck,
}

/// Plans `orders` orders: most succeed, and the others fail, each in one of several ways.
pub fn fill(orders: u32) -> Vec<PlannedOrder> {
    (1..=orders).map(plan).collect()
}

fn plan(number: u32) -> PlannedOrder {
    let (card, expected) = match number % 18 {
        3 | 12 => ("visa-declined", Expected::Cancelled),
        5 => ("visa-flaky-1", Expected::Paid),
        8 => ("visa-flaky-2", Expected::Paid),
        15 => ("a library card", Expected::Stuck),
        _ => ("visa", Expected::Paid),
    };
    let index = |length: usize| number as usize % length;
    let order = NewOrder {
        order_id: Uuid::now_v7(),
        customer: CUSTOMERS[index(CUSTOMERS.len())].to_owned(),
        item: CATALOGUE[index(CATALOGUE.len())].0.to_owned(),
        quantity: 1 + number % 3,
        card: card.to_owned(),
    };
    PlannedOrder {
        correlation_id: format!("cart-{number:02}"),
        order,
        expected,
    }
}
