//! Inventory: reserves the stock of orders, and releases the stock of cancelled orders.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};
use tidings::{App, State, event_handler, handlers};
use uuid::Uuid;

use crate::events::{OrderCreated, OrderEvent, StockEvent, StockReleased, StockReserved};
use crate::journal::{Entries, Journal};

/// The items of the shop, with their initial stock and their price in cents.
pub const CATALOGUE: [(&str, u32, u64); 4] = [
    ("teapot", 10_000, 24_90),
    ("kettle", 10_000, 39_00),
    ("cup", 20_000, 6_50),
    ("tea", 20_000, 11_20),
];

/// Creates the service.
pub fn app(shelf: Shelf) -> App<Shelf> {
    App::new("inventory").state(shelf).handlers(handlers![keep_stock])
}

/// The reservation of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reservation {
    /// This quantity of the item is reserved.
    Reserved {
        /// The item.
        item: String,
        /// The quantity.
        quantity: u32,
    },
    /// The stock was released, and is never reserved again.
    Released,
}

/// The shelf: the stock without the reservations.
#[derive(Debug, Clone)]
pub struct Shelf(Journal<Reservation>);

/// Why no stock is reserved.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The stock is too low. A cancelled order may change that, so a later attempt may succeed.
    #[error("{left} of {item} are left, and {quantity} were ordered")]
    SoldOut {
        /// The item.
        item: String,
        /// The quantity in stock.
        left: u32,
        /// The ordered quantity.
        quantity: u32,
    },
    /// The books cannot be written.
    #[error("cannot write the books of the shelf")]
    Books(#[from] io::Error),
}

/// Reserves or releases the stock of an order.
///
/// The pattern also matches events of orders that this service does not know. They are ignored.
///
/// # Errors
/// When the stock is too low, or the books cannot be written. Both are retried.
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
    /// Creates a shelf with these books.
    pub fn new(reservations: Journal<Reservation>) -> Self {
        Self(reservations)
    }

    /// Reserves the stock of an order, once. Returns `None` when the order was cancelled before: the two events may
    /// overtake each other.
    ///
    /// # Errors
    /// When the stock is too low.
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
            Ok(Some(Reservation::Reserved { item, quantity }))
        })?;
        let (order_id, item, quantity) = (*order_id, item.clone(), *quantity);
        Ok((!released).then_some(StockReserved {
            order_id,
            item,
            quantity,
        }))
    }

    /// Releases the stock of an order, once, and prevents a later reservation.
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

    /// The reservations, by order.
    ///
    /// # Errors
    /// When the books cannot be read.
    pub fn reservations(&self) -> io::Result<Entries<Reservation>> {
        self.0.entries()
    }
}

/// The stock that these reservations leave, by item.
pub fn stock(reservations: &Entries<Reservation>) -> BTreeMap<&'static str, u32> {
    let items = CATALOGUE.iter().map(|(item, ..)| *item);
    items.map(|item| (item, left_of(item, reservations))).collect()
}

fn left_of(item: &str, reservations: &Entries<Reservation>) -> u32 {
    let initial = CATALOGUE
        .iter()
        .find(|(known, ..)| *known == item)
        .map_or(0, |(_, initial, _)| *initial);
    let reserved = reservations.values().map(|reservation| match reservation {
        Reservation::Reserved {
            item: reserved,
            quantity,
        } if reserved == item => *quantity,
        _ => 0,
    });
    initial.saturating_sub(reserved.sum())
}
