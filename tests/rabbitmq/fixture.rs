//! The fixture of every test: an event, a virtual host or a node, and a bus.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{Bus, BusBuilder, DomainEvent};
use tidings_broker::{Install, Node, Setup, Vhost};
use tidings_test_support::wait::{blocking, within};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Something happened.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "thing.happened", aggregate_id = number, routing_key = "thing.happened.{kind}")]
pub(crate) struct Happened {
    pub(crate) number: u64,
    pub(crate) kind: String,
}

impl Happened {
    pub(crate) fn new(number: u64, kind: &str) -> Self {
        Self {
            number,
            kind: kind.to_owned(),
        }
    }
}

/// A virtual host on the node that all tests share.
pub(crate) async fn vhost() -> Vhost<'static> {
    blocking(|| tidings_broker::shared().vhost().unwrap()).await
}

/// A node for this test alone, which may be killed.
pub(crate) async fn node() -> Arc<Node> {
    blocking(|| Arc::new(Setup::new(&Install::find().unwrap()).start().unwrap())).await
}

pub(crate) fn settings() -> BusBuilder {
    Bus::builder()
        .service("test")
        .connect_timeout(Duration::from_secs(20))
        .speed_up(20)
}

pub(crate) async fn bus(url: &str) -> Bus {
    settings().connect(url).await.unwrap()
}

/// A counter that a test can wait for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Count(Arc<(AtomicUsize, Notify)>);

impl Count {
    pub(crate) fn add(&self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        self.0.1.notify_waiters();
    }

    pub(crate) fn get(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    pub(crate) async fn reaches(&self, wanted: usize) {
        within(&format!("a count of {wanted}"), async {
            loop {
                let changed = self.0.1.notified();
                if self.get() >= wanted {
                    return;
                }
                changed.await;
            }
        })
        .await;
    }
}

/// Forwards connections to the node of a URL, until the test cuts them.
pub(crate) struct Relay {
    pub(crate) url: String,
    cut: Arc<Notify>,
}

impl Relay {
    pub(crate) async fn start(url: &str) -> Self {
        let (head, rest) = url.rsplit_once(':').unwrap();
        let (node, vhost) = rest.split_once('/').unwrap();
        let node: u16 = node.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(Notify::new());
        let cuts = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let cut = Arc::clone(&cuts).notified_owned();
                tokio::spawn(async move {
                    let mut node = TcpStream::connect(("127.0.0.1", node)).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut node) => {}
                        () = cut => {}
                    }
                });
            }
        });
        Self {
            url: format!("{head}:{port}/{vhost}"),
            cut,
        }
    }

    pub(crate) fn cut(&self) {
        self.cut.notify_waiters();
    }
}
