//! The customers: they place orders and read the books afterwards.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::audit::Books;
use crate::basket::{self, PlannedOrder};
use crate::client::Client;
use crate::events::OrderCreated;
use crate::summary::{self, Counts};

/// The pause before the next request to a service that has not answered.
const PAUSE: Duration = Duration::from_millis(100);

/// The clients of the three services.
#[derive(Debug)]
pub struct Services {
    /// Orders.
    pub orders: Client,
    /// Payments.
    pub payments: Client,
    /// Inventory.
    pub inventory: Client,
}

/// Places orders with services that run elsewhere, waits until each has ended, and returns whether the books balance.
/// Services may restart in the meantime.
///
/// # Errors
/// When the run takes longer than `within`.
pub async fn run(services: &Services, orders: u32, within: Duration) -> Result<bool> {
    let deadline = Instant::now() + within;
    // RabbitMQ drops an event without a queue for it, so place no order before each service has declared its queues.
    retried(deadline, async || services.counts().await).await?;
    let before = retried(deadline, async || services.books().await).await?;
    let planned = basket::fill(orders);
    place_all(&services.orders, &planned, deadline).await?;

    let after = settled(services, &planned, deadline).await?;
    let counts = retried(deadline, async || services.counts().await).await?;
    println!("{orders} orders were placed. Since the services started:\n");
    println!("{}", summary::counts(&counts));
    println!("{}", summary::totals(&before, &after));
    Ok(summary::print_result(&after.faults(&planned)))
}

/// Places orders one after the other. A request without an answer is repeated with the same order id.
///
/// # Errors
/// When an order is not accepted before the deadline.
pub async fn place_all(orders: &Client, planned: &[PlannedOrder], deadline: Instant) -> Result<()> {
    for plan in planned {
        let place = async || -> Result<OrderCreated> {
            orders.post("/orders", &plan.correlation_id, &plan.order).await
        };
        retried(deadline, place)
            .await
            .with_context(|| format!("cannot place order {}", plan.correlation_id))?;
    }
    Ok(())
}

/// Waits until every order has ended, and returns the books.
async fn settled(services: &Services, planned: &[PlannedOrder], deadline: Instant) -> Result<Books> {
    let poll = async || {
        let books = services.books().await?;
        match books.open(planned).as_slice() {
            [] => Ok(books),
            [first, ..] => bail!(
                "{} of {} orders are open; the first is {}",
                books.open(planned).len(),
                planned.len(),
                first.correlation_id
            ),
        }
    };
    retried(deadline, poll).await
}

/// Repeats `attempt` until it succeeds. At the deadline it returns the last error.
async fn retried<T>(deadline: Instant, mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    loop {
        let error = match timeout_at(deadline, attempt()).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => error,
            Err(late) => return Err(late).context("no answer before the deadline"),
        };
        let next = Instant::now() + PAUSE;
        if next >= deadline {
            return Err(error.context("the deadline has passed"));
        }
        sleep_until(next).await;
    }
}

impl Services {
    async fn books(&self) -> Result<Books> {
        Ok(Books {
            orders: self.orders.get("/books").await?,
            charges: self.payments.get("/books").await?,
            reservations: self.inventory.get("/books").await?,
        })
    }

    async fn counts(&self) -> Result<[(&'static str, Counts); 3]> {
        Ok([
            ("orders", self.orders.get("/health").await?),
            ("payments", self.payments.get("/health").await?),
            ("inventory", self.inventory.get("/health").await?),
        ])
    }
}
