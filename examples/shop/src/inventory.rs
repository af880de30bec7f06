//! Inventory: sets aside what was ordered, and puts it back when the order is cancelled.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};
use tidings::{App, State, event_handler, handlers};
use uuid::Uuid;

use crate::events::{OrderCreated, OrderEvent, StockEvent, StockReleased, StockReserved};
use crate::ledger::{Entries, Ledger};

/// What the shop sells: the item, how many there are at first, and its price in cents.
pub const CATALOGUE: [(&str, u32, u64); 4] = [
    ("teapot", 10_000, 24_90),
    ("kettle", 10_000, 39_00),
    ("cup", 20_000, 6_50),
    ("tea", 20_000, 11_20),
];

/// The service.
pub fn app(shelf: Shelf) -> App<Shelf> {
    App::new("inventory").state(shelf).handlers(handlers![keep_stock])
}

/// What is set aside for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reservation {
    /// So many of the item wait for the customer.
    Held {
        /// The item.
        item: String,
        /// How many.
        quantity: u32,
    },
    /// Nothing any more, and never again.
    Released,
}

/// The shelf: the stock, less what is set aside.
#[derive(Debug, Clone)]
pub struct Shelf(Ledger<Reservation>);

/// Why nothing is set aside.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// Too little is left. A cancelled order may change that, so a later attempt may help.
    #[error("{left} of {item} are left, and {quantity} were ordered")]
    SoldOut {
        /// The item.
        item: String,
        /// How many are left.
        left: u32,
        /// How many were ordered.
        quantity: u32,
    },
    /// The books cannot be written.
    #[error("cannot write the books of the shelf")]
    Books(#[from] io::Error),
}

/// Keeps the stock of an order.
///
/// Its wildcard catches every event of orders, also those that it does not know: they are ignored.
///
/// # Errors
/// When too little is left, and when the books cannot be written; both are retried.
#[event_handler("order.*")]
pub async fn keep_stock(
    event: OrderEvent,
    State(shelf): State<Shelf>,
) -> Result<Option<StockEvent>, ShelfError> {
    match event {
        OrderEvent::Created(order) => Ok(shelf.reserve(&order)?.map(StockEvent::Reserved)),
        OrderEvent::Cancelled(order) => Ok(Some(StockEvent::Released(shelf.release(order.order_id)?))),
    }
}

impl Shelf {
    /// A shelf with these books.
    pub fn new(reservations: Ledger<Reservation>) -> Self {
        Self(reservations)
    }

    /// Sets aside what was ordered, once. `None` when the order was cancelled before: the two events may overtake each
    /// other.
    ///
    /// # Errors
    /// When too little is left.
    pub fn reserve(&self, order: &OrderCreated) -> Result<Option<StockReserved>, ShelfError> {
        let OrderCreated {
            order_id,
            item,
            quantity,
            ..
        } = order;
        let mut released = false;
        self.0.write(*order_id, |reservations| {
            if let Some(known) = reservations.get(order_id) {
                released = *known == Reservation::Released;
                return Ok(None);
            }
            let left = left_of(item, reservations);
            if left < *quantity {
                let (item, quantity) = (item.clone(), *quantity);
                return Err(ShelfError::SoldOut { item, left, quantity });
            }
            let (item, quantity) = (item.clone(), *quantity);
            Ok(Some(Reservation::Held { item, quantity }))
        })?;
        let (order_id, item, quantity) = (*order_id, item.clone(), *quantity);
        Ok((!released).then_some(StockReserved {
            order_id,
            item,
            quantity,
        }))
    }

    /// Puts back what was set aside for the order, once, and sees to it that nothing will be.
    ///
    /// # Errors
    /// When the books cannot be written.
    pub fn release(&self, order_id: Uuid) -> io::Result<StockReleased> {
        self.0.write(order_id, |reservations| {
            let done = reservations.get(&order_id) == Some(&Reservation::Released);
            Ok::<_, io::Error>((!done).then_some(Reservation::Released))
        })?;
        Ok(StockReleased { order_id })
    }

    /// What is set aside, by order.
    ///
    /// # Errors
    /// When the books cannot be read.
    pub fn reservations(&self) -> io::Result<Entries<Reservation>> {
        self.0.entries()
    }
}

/// What is left of every item beside these reservations.
pub fn stock(reservations: &Entries<Reservation>) -> BTreeMap<&'static str, u32> {
    let items = CATALOGUE.iter().map(|(item, ..)| *item);
    items.map(|item| (item, left_of(item, reservations))).collect()
}

fn left_of(item: &str, reservations: &Entries<Reservation>) -> u32 {
    let first = CATALOGUE
        .iter()
        .find(|(known, ..)| *known == item)
        .map_or(0, |(_, first, _)| *first);
    let held = reservations.values().map(|reservation| match reservation {
        Reservation::Held { item: held, quantity } if held == item => *quantity,
        _ => 0,
    });
    first.saturating_sub(held.sum())
}
