//! Runs each service alone, with its books in files and its customers on HTTP.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use shop::client::Client;
use shop::customer::{self, Services};
use shop::journal::Journal;
use shop::service::{self, Role, Setup};
use shop::summary::Counts;
use tidings::Bus;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// A folder that is deleted after the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("tidings-shop-{}", Uuid::now_v7())))
    }

    /// The number of lines in a service's books.
    fn lines(&self, name: &str) -> usize {
        let file = self.0.join(name).with_extension("jsonl");
        std::fs::read_to_string(file).map_or(0, |text| text.lines().count())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn put(journal: &Journal<u32>, order_id: Uuid, entry: u32) {
    journal
        .write(order_id, |_| Ok::<_, io::Error>(Some(entry)))
        .unwrap();
}

#[test]
fn a_reopened_journal_has_the_last_entry_of_each_order() {
    let folder = Folder::new();
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    let journal = Journal::open(Some(&folder.0), "books").unwrap();
    put(&journal, one, 1);
    put(&journal, other, 2);
    put(&journal, one, 3);
    drop(journal);

    let again: Journal<u32> = Journal::open(Some(&folder.0), "books").unwrap();
    assert_eq!(again.entries().unwrap(), [(one, 3), (other, 2)].into());
}

#[test]
fn two_instances_share_a_journal() {
    let folder = Folder::new();
    let order_id = Uuid::now_v7();
    let instance = || Journal::<u32>::open(Some(&folder.0), "books").unwrap();
    let instances = [instance(), instance()];
    std::thread::scope(|scope| {
        for journal in &instances {
            scope.spawn(|| {
                for _ in 0..200 {
                    let next = |entries: &shop::journal::Entries<u32>| {
                        Ok::<_, io::Error>(Some(entries.get(&order_id).copied().unwrap_or(0) + 1))
                    };
                    journal.write(order_id, next).unwrap();
                }
            });
        }
    });
    for journal in instances {
        assert_eq!(journal.entries().unwrap()[&order_id], 400);
    }
}

#[test]
fn an_unfinished_line_of_a_killed_process_is_ignored() {
    let folder = Folder::new();
    let order_id = Uuid::now_v7();
    let journal = Journal::open(Some(&folder.0), "books").unwrap();
    put(&journal, order_id, 1);
    let file = folder.0.join("books.jsonl");
    let mut file = OpenOptions::new().append(true).open(file).unwrap();
    // Half of an "é": an unfinished line may not even be valid UTF-8.
    file.write_all(b"[\"0193\xc3").unwrap();

    assert_eq!(journal.entries().unwrap(), [(order_id, 1)].into());
    put(&journal, order_id, 2);
    let again: Journal<u32> = Journal::open(Some(&folder.0), "books").unwrap();
    assert_eq!(again.entries().unwrap(), [(order_id, 2)].into());
}

/// Starts a service on its own port. Aborting its task has the effect of `kill -9`: the service drains nothing.
fn start(bus: &Bus, role: Role, folder: &Folder, listener: TcpListener) -> JoinHandle<()> {
    let data = Some(folder.0.clone());
    let bus = bus.clone();
    tokio::spawn(async move {
        service::run_on(&bus, Setup { role, data }, listener)
            .await
            .unwrap();
    })
}

async fn port() -> (TcpListener, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    (listener, client)
}

#[tokio::test]
async fn the_books_balance_when_each_service_is_killed_and_restarted() {
    let folder = Folder::new();
    let bus = Bus::builder().speed_up(100).in_memory();
    let (orders, orders_client) = port().await;
    let (payments, payments_client) = port().await;
    let (inventory, inventory_client) = port().await;
    let services = [
        (Role::Payments, "payments", payments),
        (Role::Inventory, "inventory", inventory),
        (Role::Orders, "orders", orders),
    ];
    let running = services.map(|(role, name, listener)| {
        let address = listener.local_addr().unwrap();
        (role, name, address, start(&bus, role, &folder, listener))
    });
    let services = Services {
        orders: orders_client,
        payments: payments_client,
        inventory: inventory_client,
    };

    let customers = customer::run(&services, 300, Duration::from_secs(30));
    let kills = async {
        for (role, name, address, service) in running {
            // Kill the service while it has work in flight.
            let lines = folder.lines(name);
            while folder.lines(name) < lines + 20 {
                tokio::task::yield_now().await;
            }
            service.abort();
            assert!(service.await.unwrap_err().is_cancelled(), "{name}");
            let listener = TcpListener::bind(address).await.unwrap();
            let _again = start(&bus, role, &folder, listener);
        }
    };
    let (balanced, ()) = tokio::join!(customers, kills);
    assert!(balanced.unwrap(), "the books balance");
}

#[tokio::test]
async fn two_instances_of_a_service_share_its_work() {
    let folder = Folder::new();
    let bus = Bus::builder().speed_up(100).in_memory();
    let (orders, orders_client) = port().await;
    let (payments, payments_client) = port().await;
    let (inventory, inventory_client) = port().await;
    let (second, second_client) = port().await;
    let _orders = start(&bus, Role::Orders, &folder, orders);
    let _payments = [
        start(&bus, Role::Payments, &folder, payments),
        start(&bus, Role::Payments, &folder, second),
    ];
    let _inventory = start(&bus, Role::Inventory, &folder, inventory);
    // The service answers once it has subscribed.
    let _: Counts = second_client.get("/health").await.unwrap();
    let services = Services {
        orders: orders_client,
        payments: payments_client.clone(),
        inventory: inventory_client,
    };
    assert!(
        customer::run(&services, 100, Duration::from_secs(30))
            .await
            .unwrap()
    );

    for instance in [payments_client, second_client] {
        let counts: Counts = instance.get("/health").await.unwrap();
        assert!(counts.handled > 0, "{counts:?}");
    }
}
