//! The customers: they place orders, and look into the books afterwards.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::audit::Books;
use crate::basket::{self, Wish};
use crate::client::Client;
use crate::events::OrderCreated;
use crate::summary::{self, Counts};

/// How long to wait before a service that gave no answer is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the three services are.
#[derive(Debug)]
pub struct Street {
    /// Orders.
    pub orders: Client,
    /// Payments.
    pub payments: Client,
    /// Inventory.
    pub inventory: Client,
}

/// Places so many orders with services that run elsewhere, waits for the end of each, and says whether the books
/// balance. Services may come and go meanwhile, as long as all of it is done `within` that time.
///
/// # Errors
/// When it is not.
pub async fn run(street: &Street, orders: u32, within: Duration) -> Result<bool> {
    let deadline = Instant::now() + within;
    // An event reaches the queues that are there: no order before each service has declared its own.
    retried(deadline, async || street.counts().await).await?;
    let before = retried(deadline, async || street.books().await).await?;
    let wishes = basket::fill(orders);
    place_all(&street.orders, &wishes, deadline).await?;

    let after = settled(street, &wishes, deadline).await?;
    let counts = retried(deadline, async || street.counts().await).await?;
    println!("{orders} orders were placed. Since the services started:\n");
    println!("{}", summary::counts(&counts));
    println!("{}", summary::totals(&before, &after));
    Ok(summary::verdict(&after.faults(&wishes)))
}

/// Places orders one after the other. Who gets no answer asks again: the order's id makes it the same order.
///
/// # Errors
/// When an order is not accepted before the deadline.
pub async fn place_all(orders: &Client, wishes: &[Wish], deadline: Instant) -> Result<()> {
    for wish in wishes {
        let place = async || -> Result<OrderCreated> {
            orders.post("/orders", &wish.correlation_id, &wish.order).await
        };
        retried(deadline, place)
            .await
            .with_context(|| format!("cannot place order {}", wish.correlation_id))?;
    }
    Ok(())
}

/// Waits until every order has come to its end, and gives the books of then.
async fn settled(street: &Street, wishes: &[Wish], deadline: Instant) -> Result<Books> {
    let look = async || {
        let books = street.books().await?;
        match books.open(wishes).as_slice() {
            [] => Ok(books),
            [first, ..] => bail!(
                "{} of {} orders are open, {} the first of them",
                books.open(wishes).len(),
                wishes.len(),
                first.correlation_id
            ),
        }
    };
    retried(deadline, look).await
}

/// Tries until it succeeds; at the deadline the last error is the answer.
async fn retried<T>(deadline: Instant, mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    loop {
        let error = match timeout_at(deadline, attempt()).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => error,
            Err(late) => return Err(late).context("there is no answer"),
        };
        let next = Instant::now() + PAUSE;
        if next >= deadline {
            return Err(error.context("out of time"));
        }
        sleep_until(next).await;
    }
}

impl Street {
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
