//! The fixture of every test: an event, a virtual host or a node, and a bus.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{Bus, BusBuilder, DomainEvent};
use tidings_broker::{Install, Node, Setup, Vhost};
use tidings_test_support::wait::{blocking, within};
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
