//! Orders: accepts orders, and follows each to its end.

use std::io;

use serde::{Deserialize, Serialize};
use tidings::{App, State, event_handler, handlers};
use uuid::Uuid;

use crate::events::{OrderCancelled, OrderCreated, PaymentEvent, StockEvent};
use crate::journal::{Entries, Journal};

/// Creates the service. Its HTTP side is the [`storefront`](crate::storefront).
pub fn app(books: OrderBook) -> App<OrderBook> {
    App::new("orders")
        .state(books)
        .handlers(handlers![note_payment, note_stock])
}

/// An order and its progress.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The placed order.
    pub placed: OrderCreated,
    /// The state of the payment.
    pub payment: Payment,
    /// The state of the stock.
    pub stock: Stock,
}

/// The state of a payment, as orders knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payment {
    /// Unknown yet.
    Open,
    /// The customer has paid.
    Settled,
    /// The payment has failed for good.
    Failed,
}

/// The state of the stock, as orders knows it.
// The variants are in the order of time: an event that arrives after a later one changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stock {
    /// Unknown yet.
    Open,
    /// The stock is reserved.
    Reserved,
    /// The stock is released.
    Released,
}

/// The end of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The order is paid, and its stock is reserved.
    Paid,
    /// The order is cancelled, and its stock is released.
    Cancelled,
}

impl Order {
    /// The end of the order, if it has ended.
    pub fn end(&self) -> Option<End> {
        match (self.payment, self.stock) {
            (Payment::Settled, Stock::Reserved) => Some(End::Paid),
            (Payment::Failed, Stock::Released) => Some(End::Cancelled),
            _ => None,
        }
    }
}

/// The books of orders.
#[derive(Debug, Clone)]
pub struct OrderBook(Journal<Order>);

/// Why an event cannot be applied to its order.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The order was never placed here.
    #[error("cannot find the order")]
    Unknown(#[from] UnknownOrder),
    /// The books cannot be written.
    #[error("cannot write the order's books")]
    Books(#[from] io::Error),
}

/// An order id without an order.
#[derive(Debug, thiserror::Error)]
#[error("there is no order {0}")]
pub struct UnknownOrder(Uuid);

/// Records the result of the payment, and cancels the order when the payment failed.
///
/// # Errors
/// When the books cannot be written. When the order does not exist, its event is dead-lettered at once.
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

/// Records the state of the stock.
///
/// # Errors
/// The same as for [`note_payment`].
#[event_handler("stock.*", reject_on(UnknownOrder))]
pub async fn note_stock(event: StockEvent, State(books): State<OrderBook>) -> Result<(), OrderError> {
    let (order_id, stock) = match event {
        StockEvent::Reserved(reserved) => (reserved.order_id, Stock::Reserved),
        StockEvent::Released(released) => (released.order_id, Stock::Released),
    };
    books.note(order_id, |order| order.stock = order.stock.max(stock))
}

impl OrderBook {
    /// Creates the books on a journal.
    pub fn new(orders: Journal<Order>) -> Self {
        Self(orders)
    }

    /// Accepts an order, once. A repeated call returns the order as it was placed first.
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
