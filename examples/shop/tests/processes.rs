//! Runs the shop as an operator does: three processes on RabbitMQ. One of them is killed while it has work in flight.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The deadline of each wait. It is long, so that a busy machine does not fail a test.
const DEADLINE: Duration = Duration::from_mins(2);
const ORDERS: usize = 400;

/// A process of the shop. Dropping it kills the process.
struct Process(Child);

impl Process {
    fn start(url: &str, args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
        command.env("TIDINGS_URL", url).args(args).stdout(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    /// Starts a service with its books in `folder`.
    fn service(url: &str, role: &str, folder: &Path, listen: SocketAddr) -> Self {
        let (folder, listen) = (folder.to_str().unwrap(), listen.to_string());
        let args = ["--role", role, "--data", folder, "--listen", &listen];
        Self::start(url, &[&args[..], &["--speed-up", "20"]].concat())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits for the end of the process. Returns whether it succeeded, and its output.
    fn end(mut self) -> (bool, String) {
        let started = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                let mut output = String::new();
                self.0.stdout.take().unwrap().read_to_string(&mut output).unwrap();
                return (status.success(), output);
            }
            assert!(started.elapsed() < DEADLINE, "the process does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder that is deleted after the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("tidings-shop-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// The number of lines in the books of payments.
    fn charges(&self) -> usize {
        let file = self.0.join("payments.jsonl");
        std::fs::read_to_string(file).map_or(0, |text| text.lines().count())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Three free ports.
fn ports() -> [SocketAddr; 3] {
    // All listeners are open at the same time, so the ports differ.
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}

#[test]
fn the_books_balance_when_the_process_of_payments_is_killed_and_restarted() {
    let vhost = tidings_broker::shared().vhost().unwrap();
    let (url, folder) = (vhost.url(), Folder::new());
    let addresses = ports();
    let [orders_address, payments_address, inventory_address] = addresses;
    let _orders = Process::service(&url, "orders", &folder.0, orders_address);
    let mut payments = Process::service(&url, "payments", &folder.0, payments_address);
    let _inventory = Process::service(&url, "inventory", &folder.0, inventory_address);
    let (orders, within) = (ORDERS.to_string(), DEADLINE.as_secs().to_string());
    let [orders_url, payments_url, inventory_url] = addresses.map(|address| format!("http://{address}"));
    let customer = Process::start(
        &url,
        &[
            "--role",
            "customer",
            "--orders",
            &orders,
            "--within",
            &within,
            "--url",
            &orders_url,
            "--payments-url",
            &payments_url,
            "--inventory-url",
            &inventory_url,
        ],
    );

    let started = Instant::now();
    while folder.charges() < 20 {
        assert!(started.elapsed() < DEADLINE, "nothing is charged");
        std::thread::sleep(Duration::from_millis(1));
    }
    payments.kill();
    let charged = folder.charges();
    assert!(
        charged < ORDERS,
        "payments was killed after its last charge: {charged} lines of {ORDERS} orders"
    );
    let _payments = Process::service(&url, "payments", &folder.0, payments_address);

    let (balanced, output) = customer.end();
    assert!(balanced, "{output}");
    assert!(folder.charges() > charged, "payments did not continue");
}
