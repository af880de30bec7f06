//! Runs everything in one process: the three services, their customers, and some faults.

use std::time::Duration;

use anyhow::Result;
use tidings::{App, Bus, RunningApp};
use tokio::net::TcpListener;
use tokio::time::{Instant, interval, sleep_until};

use crate::audit::Books;
use crate::basket::{self, Expected, PlannedOrder};
use crate::client::Client;
use crate::customer;
use crate::gateway::Gateway;
use crate::inventory::Shelf;
use crate::journal::Journal;
use crate::orders::OrderBook;
use crate::summary::{self, Counts};
use crate::timeline::{Moment, Timeline};
use crate::{inventory, orders, payments, storefront, stories, strays};

/// The time limit for all orders.
const DEADLINE: Duration = Duration::from_secs(15);

struct Shop {
    books: OrderBook,
    gateway: Gateway,
    shelf: Shelf,
    apps: [RunningApp; 3],
    timeline: Timeline,
}

/// Places orders, prints the story of each, and returns whether the books balance.
///
/// # Errors
/// When there is no broker, or an order cannot be placed.
pub async fn run(orders: u32, speed_up: u32) -> Result<bool> {
    let deadline = Instant::now() + DEADLINE;
    let bus = Bus::builder().speed_up(speed_up).from_env_or("memory:").await?;
    let shop = Shop::open(&bus).await?;
    let before = shop.audit()?;
    let planned = basket::fill(orders);

    let storefront = Client::new(&shop.serve().await?)?;
    strays::publish(&bus).await?;
    customer::place_all(&storefront, &planned, deadline).await?;

    let unsettled = shop.settled(&planned, deadline).await?;

    let after = shop.audit()?;
    stories::print(&planned, &after, &shop.timeline);
    println!(
        "{}",
        summary::published(planned.len(), strays::COUNT, &shop.timeline)
    );
    println!("{}", summary::counts(&shop.counts()));
    println!("{}", summary::totals(&before, &after));
    let faults = unsettled
        .into_iter()
        .chain(after.faults(&planned))
        .chain(shop.stray_faults(&planned));
    let balance = summary::print_result(&faults.collect::<Vec<_>>());
    shop.close().await?;
    bus.close().await;
    Ok(balance)
}

/// Starts a service with the timeline around its handlers.
async fn start<S>(timeline: &Timeline, app: App<S>, bus: &Bus) -> tidings::Result<RunningApp>
where
    S: Send + Sync + 'static,
{
    let app = timeline.around(app).shutdown_timeout(Duration::from_secs(3));
    app.start(bus).await
}

impl Shop {
    async fn open(bus: &Bus) -> Result<Self> {
        let books = OrderBook::new(Journal::in_memory());
        let gateway = Gateway::new(Journal::in_memory());
        let shelf = Shelf::new(Journal::in_memory());
        let timeline = Timeline::start();
        let apps = [
            start(&timeline, orders::app(books.clone()), bus).await?,
            start(&timeline, payments::app(gateway.clone()), bus).await?,
            start(&timeline, inventory::app(shelf.clone()), bus).await?,
        ];
        Ok(Self {
            books,
            gateway,
            shelf,
            apps,
            timeline,
        })
    }

    /// Serves the storefront on a free port, and returns its URL.
    async fn serve(&self) -> Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = storefront::router(self.books.clone(), self.apps[0].bus().clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(url)
    }

    fn audit(&self) -> Result<Books> {
        Ok(Books {
            orders: self.books.orders()?,
            charges: self.gateway.charges()?,
            reservations: self.shelf.reservations()?,
        })
    }

    fn counts(&self) -> Vec<(&str, Counts)> {
        let apps = self.apps.iter();
        apps.map(|app| (app.service(), Counts::from(&app.health())))
            .collect()
    }

    /// Waits until every order has ended and every delivery is settled. Returns a fault when the deadline passes
    /// first.
    async fn settled(&self, planned: &[PlannedOrder], deadline: Instant) -> Result<Option<String>> {
        // Poll the counts: no signal says that nothing is in flight.
        let mut ticks = interval(Duration::from_millis(5));
        loop {
            let books = self.audit()?;
            let (open, outstanding) = (books.open(planned).len(), self.outstanding(planned));
            if open == 0 && outstanding == 0 {
                return Ok(None);
            }
            tokio::select! {
                _ = ticks.tick() => {}
                () = sleep_until(deadline) => {
                    let fault = format!("{open} orders are open, and {outstanding} deliveries are not settled");
                    return Ok(Some(fault));
                }
            }
        }
    }

    /// The number of deliveries that are not settled yet. Two services receive each order and the poison. One service
    /// receives the exotic event, and one receives each event from a handler.
    fn outstanding(&self, planned: &[PlannedOrder]) -> u64 {
        // Read the settled count first. A handler that ends in between can then only add expected deliveries.
        let settled: u64 = self
            .counts()
            .into_iter()
            .map(|(_, counts)| counts.settled())
            .sum();
        let expected = 2 * planned.len() + 2 + 1 + self.timeline.published();
        (expected as u64).saturating_sub(settled)
    }

    /// Lets the running handlers finish.
    async fn close(self) -> Result<()> {
        for app in &self.apps {
            app.shutdown().await?;
        }
        Ok(())
    }

    /// Checks that the strays and the stuck orders were dead-lettered or ignored as expected.
    fn stray_faults(&self, planned: &[PlannedOrder]) -> Vec<String> {
        let stuck = planned.iter().filter(|plan| plan.expected == Expected::Stuck);
        let wanted = [(strays::POISON, 2), (strays::EXOTIC, 0)].into_iter();
        let wanted = wanted.chain(stuck.map(|plan| (plan.correlation_id.as_str(), 1)));
        let faults = wanted.filter_map(|(correlation_id, wanted)| {
            let story = self.timeline.story(correlation_id);
            let found = story
                .iter()
                .filter(|moment| Moment::is_dead_letter(moment))
                .count();
            (found != wanted).then(|| format!("{correlation_id}: {found} dead letters, expected {wanted}"))
        });
        let ignored: u64 = self.counts().iter().map(|(_, counts)| counts.ignored).sum();
        let not_ignored = (ignored == 0).then(|| format!("{}: no service ignored it", strays::EXOTIC));
        faults.chain(not_ignored).collect()
    }
}
