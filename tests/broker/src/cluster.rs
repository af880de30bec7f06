//! Clusters of nodes.

use std::sync::Arc;

use crate::error::Error;
use crate::node::Node;
use crate::sandbox::Sandbox;
use crate::setup::Setup;

/// A cluster of private nodes. Dropping it kills them.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
}

/// The number of attempts to start when other processes take the ports.
const ATTEMPTS: usize = 3;

impl Cluster {
    pub(crate) fn start(setup: &Setup, nodes: usize) -> Result<Self, Error> {
        assert!(nodes > 0, "a cluster has at least one node");
        for _ in 1..ATTEMPTS {
            match Self::try_start(setup, nodes) {
                Err(Error::Start { log, .. }) if port_taken(&log) => {}
                result => return result,
            }
        }
        Self::try_start(setup, nodes)
    }

    fn try_start(setup: &Setup, nodes: usize) -> Result<Self, Error> {
        let sandbox = Arc::new(Sandbox::open(&setup.install, |ports| {
            (0..nodes).flat_map(|index| ports.node(index)).collect()
        })?);
        let cluster = Self {
            nodes: (0..nodes)
                .map(|index| Node::prepare(setup, &sandbox, index, nodes))
                .collect::<Result<_, _>>()?,
        };
        // Launch all nodes before the first wait: each node waits for the others.
        for node in &cluster.nodes {
            node.launch()?;
        }
        for node in &cluster.nodes {
            node.await_ready()?;
        }
        if nodes > 1 {
            cluster.nodes[0].ctl(&["await_online_nodes", &nodes.to_string()])?;
        }
        Ok(cluster)
    }

    /// The nodes of the cluster.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The URL of each node.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Node::url).collect()
    }

    pub(crate) fn into_nodes(self) -> Vec<Node> {
        self.nodes
    }
}

fn port_taken(log: &str) -> bool {
    let log = log.to_lowercase();
    log.contains("eaddrinuse") || log.contains("address already in use") || log.contains("address in use")
}
