//! Orders: takes orders in, and follows each to its end.

use std::io;

use serde::{Deserialize, Serialize};
use tidings::{App, State, event_handler, handlers};
use uuid::Uuid;

use crate::events::{OrderCancelled, OrderCreated, PaymentEvent, StockEvent};
use crate::ledger::{Entries, Ledger};

/// The service. Its other half is the [`storefront`](crate::storefront).
pub fn app(books: OrderBook) -> App<OrderBook> {
    App::new("orders")
        .state(books)
        .handlers(handlers![note_payment, note_stock])
}

/// An order, and how far it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// What was ordered.
    pub placed: OrderCreated,
    /// What is known of its payment.
    pub payment: Payment,
    /// What is known of its stock.
    pub stock: Stock,
}

/// What orders knows of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payment {
    /// Nothing.
    Open,
    /// The money is there.
    Settled,
    /// It will never be.
    Failed,
}

/// What orders knows of the stock.
// The order of the variants is that of time: an event that was overtaken by a later one changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stock {
    /// Nothing.
    Open,
    /// It is set aside.
    Reserved,
    /// It is for sale again.
    Released,
}

/// How an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is paid and set aside.
    Paid,
    /// It was given up, and its stock is for sale again.
    Cancelled,
}

impl Order {
    /// How it ended, if it has.
    pub fn end(&self) -> Option<End> {
        match (self.payment, self.stock) {
            (Payment::Settled, Stock::Reserved) => Some(End::Paid),
            (Payment::Failed, Stock::Released) => Some(End::Cancelled),
            _ => None,
        }
    }
}

/// All orders.
#[derive(Debug, Clone)]
pub struct OrderBook(Ledger<Order>);

/// Why an order cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Someone speaks of an order that was never placed here.
    #[error("cannot follow the order")]
    Unknown(#[from] UnknownOrder),
    /// The books cannot be written.
    #[error("cannot write the order's books")]
    Books(#[from] io::Error),
}

/// The id of no order.
#[derive(Debug, thiserror::Error)]
#[error("there is no order {0}")]
pub struct UnknownOrder(Uuid);

/// Notes what became of the payment, and cancels the order when it failed.
///
/// # Errors
/// When the books cannot be written; and when there is no such order, which is dead-lettered at once.
#[event_handler("payment.*", reject_on(UnknownOrder))]
pub async fn note_payment(
    event: PaymentEvent,
    State(books): State<OrderBook>,
) -> Result<Option<OrderCancelled>, OrderError> {
    match event {
        PaymentEvent::Settled(paid) => {
            books.note(paid.order_id, |order| order.payment = Payment::Settled)?;
            Ok(None)
        }
        PaymentEvent::Failed(failed) => {
            books.note(failed.order_id, |order| order.payment = Payment::Failed)?;
            let (order_id, reason) = (failed.order_id, failed.reason);
            Ok(Some(OrderCancelled { order_id, reason }))
        }
    }
}

/// Notes what became of the stock.
///
/// # Errors
/// As [`note_payment`].
#[event_handler("stock.*", reject_on(UnknownOrder))]
pub async fn note_stock(event: StockEvent, State(books): State<OrderBook>) -> Result<(), OrderError> {
    let (order_id, stock) = match event {
        StockEvent::Reserved(reserved) => (reserved.order_id, Stock::Reserved),
        StockEvent::Released(released) => (released.order_id, Stock::Released),
    };
    books.note(order_id, |order| order.stock = order.stock.max(stock))
}

impl OrderBook {
    /// These books.
    pub fn new(orders: Ledger<Order>) -> Self {
        Self(orders)
    }

    /// Takes an order in, once, and gives it as it was placed the first time.
    ///
    /// # Errors
    /// When the books cannot be written.
    pub fn place(&self, placed: OrderCreated) -> io::Result<OrderCreated> {
        let mut first = placed.clone();
        self.0.write(placed.order_id, |orders| {
            if let Some(known) = orders.get(&placed.order_id) {
                first = known.placed.clone();
                return Ok::<_, io::Error>(None);
            }
            let (payment, stock) = (Payment::Open, Stock::Open);
            Ok(Some(Order {
                placed,
                payment,
                stock,
            }))
        })?;
        Ok(first)
    }

    /// All orders.
    ///
    /// # Errors
    /// When the books cannot be read.
    pub fn orders(&self) -> io::Result<Entries<Order>> {
        self.0.entries()
    }

    fn note(&self, order_id: Uuid, change: impl FnOnce(&mut Order)) -> Result<(), OrderError> {
        self.0.write(order_id, |orders| {
            let mut order = orders.get(&order_id).cloned().ok_or(UnknownOrder(order_id))?;
            let before = (order.payment, order.stock);
            change(&mut order);
            Ok(((order.payment, order.stock) != before).then_some(order))
        })
    }
}
