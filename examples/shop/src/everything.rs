//! Everything in one process: the three services, their customers, and what goes wrong between them.

use std::time::Duration;

use anyhow::{Result, bail};
use tidings::{Bus, RunningApp};
use tokio::net::TcpListener;
use tokio::time::{Instant, interval, sleep_until, timeout_at};

use crate::audit::Books;
use crate::basket::{self, Fate, Wish};
use crate::client::Client;
use crate::customer;
use crate::gateway::Gateway;
use crate::inventory::Shelf;
use crate::ledger::Ledger;
use crate::money::Cents;
use crate::orders::OrderBook;
use crate::summary::{self, Counts};
use crate::timeline::{Moment, Timeline};
use crate::{inventory, orders, payments, storefront, strays};

/// How long all of it may take.
const DEADLINE: Duration = Duration::from_secs(18);

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

    shop.settled(&wishes, deadline).await?;
    shop.close(deadline).await?;
    bus.close().await;

    let after = shop.audit()?;
    shop.tell(&wishes, &after);
    println!("{}", summary::counts(&shop.counts()));
    println!("{}", summary::totals(&before, &after));
    let mut faults = after.faults(&wishes);
    faults.extend(shop.stray_faults(&wishes));
    Ok(summary::verdict(&faults))
}

impl Shop {
    async fn open(bus: &Bus) -> Result<Self> {
        let books = OrderBook::new(Ledger::in_memory());
        let gateway = Gateway::new(Ledger::in_memory());
        let shelf = Shelf::new(Ledger::in_memory());
        let timeline = Timeline::start();
        let apps = [
            timeline.around(orders::app(books.clone())).start(bus).await?,
            timeline.around(payments::app(gateway.clone())).start(bus).await?,
            timeline.around(inventory::app(shelf.clone())).start(bus).await?,
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

    /// Waits until every order has come to its end, and every delivery to its own.
    async fn settled(&self, wishes: &[Wish], deadline: Instant) -> Result<()> {
        let mut looks = interval(Duration::from_millis(5));
        loop {
            let books = self.audit()?;
            let (open, outstanding) = (books.open(wishes), self.outstanding(wishes));
            if open.is_empty() && outstanding == 0 {
                return Ok(());
            }
            tokio::select! {
                _ = looks.tick() => {}
                () = sleep_until(deadline) => bail!(
                    "after {DEADLINE:?} {} orders are open, and {outstanding} deliveries outstanding",
                    open.len()
                ),
            }
        }
    }

    /// How many deliveries are still on their way. Two services take each order, and the poison with them; one takes
    /// the exotic event, and one whatever a handler publishes.
    fn outstanding(&self, wishes: &[Wish]) -> u64 {
        let expected = 2 * wishes.len() + 2 + 1 + self.timeline.published();
        let settled = self.counts().into_iter().map(|(_, counts)| counts.settled());
        (expected as u64).saturating_sub(settled.sum())
    }

    /// Lets the handlers finish what they are at.
    async fn close(&self, deadline: Instant) -> Result<()> {
        for app in &self.apps {
            timeout_at(deadline, app.shutdown()).await??;
        }
        Ok(())
    }

    fn tell(&self, wishes: &[Wish], books: &Books) {
        for wish in wishes {
            let order = &wish.order;
            let total = books
                .orders
                .get(&order.order_id)
                .map_or(0, |order| order.placed.total_cents);
            let end = match books.fate(order.order_id) {
                Some(Fate::Paid) => "paid",
                Some(Fate::Cancelled) => "cancelled",
                _ => "waits for someone to look at it",
            };
            let (customer, quantity, item, card) =
                (&order.customer, order.quantity, &order.item, &order.card);
            let total = Cents(total);
            println!("{customer} orders {quantity} {item} for {total} with {card}: {end}");
            self.tell_story(&wish.correlation_id);
        }
        println!("Someone publishes an order that no one can read");
        self.tell_story(strays::POISON);
        println!("Someone publishes an event that no one knows");
        self.tell_story(strays::EXOTIC);
        let (orders, answers) = (wishes.len(), self.timeline.published());
        let published = orders + 2 + answers;
        let elapsed = self.timeline.elapsed().as_secs_f64();
        println!(
            "{published} events were published in {elapsed:.1} s: {orders} orders, 2 strays, {answers} by handlers\n"
        );
    }

    fn tell_story(&self, correlation_id: &str) {
        let story = self.timeline.story(correlation_id);
        if story.is_empty() {
            println!("           {correlation_id}  ignored");
        }
        for moment in story {
            println!("{moment}");
        }
        println!();
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
        faults.collect()
    }
}
