//! A virtual host on the shared cluster, and the leader of its queue.

use std::sync::Arc;

use tidings_broker::{Cluster, Node};

use crate::harness::Harness;
use tidings_test_support::wait::{blocking, until};

/// A new virtual host on the shared cluster.
#[derive(Debug, Clone)]
pub(super) struct Members {
    cluster: Arc<Cluster>,
    vhost: String,
}

/// The queue whose leader [`Members::leader`] returns.
const QUEUE: &str = "faults.plain";

impl Members {
    pub(super) async fn of(harness: &Harness) -> Self {
        let cluster = harness.cluster().await;
        let nodes = Arc::clone(&cluster);
        let vhost = blocking(move || {
            let vhost = nodes.nodes()[0].vhost().expect("the node creates a virtual host");
            vhost.name().to_owned()
        });
        Self {
            vhost: vhost.await,
            cluster,
        }
    }

    /// Restarts a node and waits until every queue has all its members.
    pub(super) async fn restart(&self, index: usize) {
        let start = |node: &Node| node.start_again().expect("the node restarts");
        self.node(index, start).await;
        self.wait_until_online().await;
    }

    /// The URLs of all nodes, starting with `first`. A client connects to the first node that accepts it.
    pub(super) fn url(&self, first: usize) -> String {
        let nodes = self.cluster.nodes();
        let urls: Vec<String> = (0..nodes.len())
            .map(|index| self.url_of((first + index) % nodes.len()))
            .collect();
        urls.join(",")
    }

    /// The URL of one node.
    pub(super) fn url_of(&self, index: usize) -> String {
        self.cluster.nodes()[index].url_of("guest", "guest", &self.vhost)
    }

    pub(super) fn len(&self) -> usize {
        self.cluster.nodes().len()
    }

    /// Runs a blocking call on a node.
    pub(super) async fn node<T: Send + 'static>(
        &self,
        index: usize,
        work: impl FnOnce(&Node) -> T + Send + 'static,
    ) -> T {
        let cluster = Arc::clone(&self.cluster);
        blocking(move || work(&cluster.nodes()[index])).await
    }

    /// Returns the node with the leader of the queue.
    pub(super) async fn leader(&self) -> usize {
        let mut leader = None;
        until("the queue has a leader", async || {
            let queues = self.queues("leader").await;
            let line = queues.lines().find(|line| line.starts_with(QUEUE));
            let mut nodes = self.cluster.nodes().iter();
            leader = nodes.position(|node| line.is_some_and(|line| line.contains(&node.name())));
            leader.is_some()
        })
        .await;
        leader.unwrap_or_default()
    }

    /// Waits until every queue has all its members, because the loss of another node would take its majority.
    pub(super) async fn wait_until_online(&self) {
        until("every queue has all its members", async || {
            let queues = self.queues("online").await;
            let names: Vec<String> = self.cluster.nodes().iter().map(Node::name).collect();
            let mut lines = queues
                .lines()
                .filter(|line| line.starts_with("faults."))
                .peekable();
            lines.peek().is_some() && lines.all(|line| names.iter().all(|name| line.contains(name)))
        })
        .await;
    }

    // faults.plain	tidings-20000-1@localhost
    // faults.plain	[tidings-20000-1@localhost, tidings-20000-2@localhost]
    async fn queues(&self, column: &'static str) -> String {
        let vhost = self.vhost.clone();
        self.node(0, move |node| {
            node.ctl(&["-q", "list_queues", "-p", &vhost, "name", column])
                .unwrap_or_default()
        })
        .await
    }
}
