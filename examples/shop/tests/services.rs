//! The services as they run alone: their books in files, their customers on the other side of HTTP.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use shop::client::Client;
use shop::customer::{self, Street};
use shop::ledger::Ledger;
use shop::service::{self, Role, Setup};
use shop::summary::Counts;
use tidings::Bus;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// A folder of its own, which goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("tidings-shop-{}", Uuid::now_v7())))
    }

    /// How many lines a service has written.
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

fn put(ledger: &Ledger<u32>, order_id: Uuid, entry: u32) {
    ledger
        .write(order_id, |_| Ok::<_, io::Error>(Some(entry)))
        .unwrap();
}

#[test]
fn a_ledger_outlives_its_process_and_its_last_word_counts() {
    let folder = Folder::new();
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    let ledger = Ledger::open(Some(&folder.0), "books").unwrap();
    put(&ledger, one, 1);
    put(&ledger, other, 2);
    put(&ledger, one, 3);
    drop(ledger);

    let again: Ledger<u32> = Ledger::open(Some(&folder.0), "books").unwrap();
    assert_eq!(again.entries().unwrap(), [(one, 3), (other, 2)].into());
}

#[test]
fn two_instances_share_a_ledger() {
    let folder = Folder::new();
    let order_id = Uuid::now_v7();
    let instance = || Ledger::<u32>::open(Some(&folder.0), "books").unwrap();
    let instances = [instance(), instance()];
    std::thread::scope(|scope| {
        for ledger in &instances {
            scope.spawn(|| {
                for _ in 0..200 {
                    let next = |entries: &shop::ledger::Entries<u32>| {
                        Ok::<_, io::Error>(Some(entries.get(&order_id).copied().unwrap_or(0) + 1))
                    };
                    ledger.write(order_id, next).unwrap();
                }
            });
        }
    });
    for ledger in instances {
        assert_eq!(ledger.entries().unwrap()[&order_id], 400);
    }
}

#[test]
fn a_line_that_a_killed_process_left_unfinished_was_never_written() {
    let folder = Folder::new();
    let order_id = Uuid::now_v7();
    let ledger = Ledger::open(Some(&folder.0), "books").unwrap();
    put(&ledger, order_id, 1);
    let file = folder.0.join("books.jsonl");
    let mut file = OpenOptions::new().append(true).open(file).unwrap();
    // "é" cut in two: what is left need not even be text.
    file.write_all(b"[\"0193\xc3").unwrap();

    assert_eq!(ledger.entries().unwrap(), [(order_id, 1)].into());
    put(&ledger, order_id, 2);
    let again: Ledger<u32> = Ledger::open(Some(&folder.0), "books").unwrap();
    assert_eq!(again.entries().unwrap(), [(order_id, 2)].into());
}

/// A service on a port of its own. Aborting it is its kill -9: nothing of it is drained.
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
async fn the_books_balance_when_each_service_is_killed_in_the_middle_and_started_again() {
    let folder = Folder::new();
    let bus = Bus::builder().speed_up(100).in_memory();
    let ((orders, front), (payments, till), (inventory, store)) = (port().await, port().await, port().await);
    let services = [
        (Role::Payments, "payments", payments),
        (Role::Inventory, "inventory", inventory),
        (Role::Orders, "orders", orders),
    ];
    let running = services.map(|(role, name, listener)| {
        let address = listener.local_addr().unwrap();
        (role, name, address, start(&bus, role, &folder, listener))
    });
    let street = Street {
        orders: front,
        payments: till,
        inventory: store,
    };

    let customers = customer::run(&street, 300, Duration::from_secs(30));
    let accidents = async {
        for (role, name, address, service) in running {
            // Killed as soon as there is something to lose, and in the middle of something.
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
    let (balanced, ()) = tokio::join!(customers, accidents);
    assert!(balanced.unwrap(), "the books balance");
}

#[tokio::test]
async fn two_instances_of_a_service_share_its_work() {
    let folder = Folder::new();
    let bus = Bus::builder().speed_up(100).in_memory();
    let ((orders, front), (payments, till), (inventory, store)) = (port().await, port().await, port().await);
    let (second, second_till) = port().await;
    let _orders = start(&bus, Role::Orders, &folder, orders);
    let _payments = [
        start(&bus, Role::Payments, &folder, payments),
        start(&bus, Role::Payments, &folder, second),
    ];
    let _inventory = start(&bus, Role::Inventory, &folder, inventory);
    // It answers once it has subscribed.
    let _: Counts = second_till.get("/health").await.unwrap();
    let street = Street {
        orders: front,
        payments: till.clone(),
        inventory: store,
    };
    assert!(
        customer::run(&street, 100, Duration::from_secs(30))
            .await
            .unwrap()
    );

    for instance in [till, second_till] {
        let counts: Counts = instance.get("/health").await.unwrap();
        assert!(counts.handled > 0, "{counts:?}");
    }
}
