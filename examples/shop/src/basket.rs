//! The basket: the orders that a run places, and what is to become of each.

use uuid::Uuid;

use crate::inventory::CATALOGUE;
use crate::storefront::NewOrder;

const CUSTOMERS: [&str; 5] = ["Ada", "Grace", "Alan", "Edsger", "Barbara"];

/// An order to place.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The order.
    pub order: NewOrder,
    /// What its request is known by, and all that follows from it.
    pub correlation_id: String,
    /// What is to become of it.
    pub fate: Fate,
}

/// What is to become of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is paid and set aside.
    Paid,
    /// Its card is declined, so it is cancelled, and its stock released.
    Cancelled,
    /// Its card is none: payments rejects it, and it waits, set aside and unpaid, for someone to look at the dead letter.
    Stuck,
}

/// So many orders: most of them plain, the rest one of each trouble in turn.
pub fn fill(orders: u32) -> Vec<Wish> {
    (1..=orders).map(wish).collect()
}

fn wish(number: u32) -> Wish {
    let (card, fate) = match number % 18 {
        3 | 12 => ("visa-declined", Fate::Cancelled),
        5 => ("visa-flaky-1", Fate::Paid),
        8 => ("visa-flaky-2", Fate::Paid),
        15 => ("a library card", Fate::Stuck),
        _ => ("visa", Fate::Paid),
    };
    let at = |length: usize| number as usize % length;
    let order = NewOrder {
        order_id: Uuid::now_v7(),
        customer: CUSTOMERS[at(CUSTOMERS.len())].to_owned(),
        item: CATALOGUE[at(CATALOGUE.len())].0.to_owned(),
        quantity: 1 + number % 3,
        card: card.to_owned(),
    };
    Wish {
        correlation_id: format!("cart-{number:02}"),
        order,
        fate,
    }
}
