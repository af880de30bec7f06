//! Everything in one process: the three services, their customers, and what goes wrong between them.

use std::time::Duration;

use anyhow::Result;
use tidings::{App, Bus, RunningApp};
use tokio::net::TcpListener;
use tokio::time::{Instant, interval, sleep_until};

use crate::audit::Books;
use crate::basket::{self, Fate, Wish};
use crate::client::Client;
use crate::customer;
use crate::gateway::Gateway;
use crate::inventory::Shelf;
use crate::ledger::Ledger;
use crate::orders::OrderBook;
use crate::summary::{self, Counts};
use crate::timeline::{Moment, Timeline};
use crate::{inventory, orders, payments, storefront, stories, strays};

/// How long the orders may take to come to their ends.
const DEADLINE: Duration = Duration::from_secs(15);

/// The three services, running.
struct Shop {
    books: OrderBook,
    gateway: Gateway,
    shelf: Shelf,
    apps: [RunningApp; 3],
    timeline: Timeline,
}

/// Places so many orders, prints the story of each, and says whether the books balance.
///
/// # Errors
/// When there is no broker, or no order can be placed.
pub async fn run(orders: u32, speed_up: u32) -> Result<bool> {
    let deadline = Instant::now() + DEADLINE;
    let bus = Bus::builder().speed_up(speed_up).from_env_or("memory:").await?;
    let shop = Shop::open(&bus).await?;
    let before = shop.audit()?;
    let wishes = basket::fill(orders);

    let street = Client::new(&shop.serve().await?)?;
    strays::publish(&bus).await?;
    customer::place_all(&street, &wishes, deadline).await?;

    let unsettled = shop.settled(&wishes, deadline).await?;

    let after = shop.audit()?;
    stories::tell(&wishes, &after, &shop.timeline);
    println!(
        "{}",
        summary::published(wishes.len(), strays::COUNT, &shop.timeline)
    );
    println!("{}", summary::counts(&shop.counts()));
    println!("{}", summary::totals(&before, &after));
    let faults = unsettled
        .into_iter()
        .chain(after.faults(&wishes))
        .chain(shop.stray_faults(&wishes));
    let balance = summary::verdict(&faults.collect::<Vec<_>>());
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
        let books = OrderBook::new(Ledger::in_memory());
        let gateway = Gateway::new(Ledger::in_memory());
        let shelf = Shelf::new(Ledger::in_memory());
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

    /// Opens the storefront on a port of the system's choice, and gives its URL.
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

    /// Waits until every order has come to its end, and every delivery to its own; what has not by the deadline is a
    /// fault.
    async fn settled(&self, wishes: &[Wish], deadline: Instant) -> Result<Option<String>> {
        // There is no signal for "nothing is in flight": the counts are all that a service knows.
        let mut looks = interval(Duration::from_millis(5));
        loop {
            let books = self.audit()?;
            let (open, outstanding) = (books.open(wishes).len(), self.outstanding(wishes));
            if open == 0 && outstanding == 0 {
                return Ok(None);
            }
            tokio::select! {
                _ = looks.tick() => {}
                () = sleep_until(deadline) => {
                    let fault = format!("{open} orders are open, and {outstanding} deliveries on their way");
                    return Ok(Some(fault));
                }
            }
        }
    }

    /// How many deliveries are still on their way. Two services take each order, and the poison with them; one takes
    /// the exotic event, and one whatever a handler publishes.
    fn outstanding(&self, wishes: &[Wish]) -> u64 {
        // Asked in this order: a handler that ends in between adds what it published, and never takes away.
        let settled: u64 = self
            .counts()
            .into_iter()
            .map(|(_, counts)| counts.settled())
            .sum();
        let expected = 2 * wishes.len() + 2 + 1 + self.timeline.published();
        (expected as u64).saturating_sub(settled)
    }

    /// Lets the handlers finish what they are at.
    async fn close(self) -> Result<()> {
        for app in &self.apps {
            app.shutdown().await?;
        }
        Ok(())
    }

    /// What did not become of the strays, and of the orders that no one can charge, as it should.
    fn stray_faults(&self, wishes: &[Wish]) -> Vec<String> {
        let stuck = wishes.iter().filter(|wish| wish.fate == Fate::Stuck);
        let wanted = [(strays::POISON, 2), (strays::EXOTIC, 0)].into_iter();
        let wanted = wanted.chain(stuck.map(|wish| (wish.correlation_id.as_str(), 1)));
        let faults = wanted.filter_map(|(correlation_id, wanted)| {
            let story = self.timeline.story(correlation_id);
            let found = story
                .iter()
                .filter(|moment| Moment::is_dead_letter(moment))
                .count();
            (found != wanted)
                .then(|| format!("{correlation_id}: {found} dead letters, and {wanted} is right"))
        });
        let ignored: u64 = self.counts().iter().map(|(_, counts)| counts.ignored).sum();
        let not_ignored = (ignored == 0).then(|| format!("{}: no one ignored it", strays::EXOTIC));
        faults.chain(not_ignored).collect()
    }
}
