//! Nodes that are one cluster.

use std::sync::Arc;

use crate::error::Error;
use crate::lab::Lab;
use crate::node::Node;
use crate::setup::Setup;

/// A cluster of private nodes; dropping it ends them.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
}

/// How often we try again when someone was faster at a port.
const TRIES: usize = 3;

impl Cluster {
    pub(crate) fn start(setup: &Setup, nodes: usize) -> Result<Self, Error> {
        assert!(nodes > 0, "a cluster has at least one node");
        let mut tried = Self::try_start(setup, nodes);
        for _ in 1..TRIES {
            match &tried {
                Err(Error::Start { log, .. }) if port_taken(log) => tried = Self::try_start(setup, nodes),
                _ => break,
            }
        }
        tried
    }

    fn try_start(setup: &Setup, nodes: usize) -> Result<Self, Error> {
        let lab = Arc::new(Lab::open(&setup.install, |ports| {
            (0..nodes).flat_map(|index| ports.node(index)).collect()
        })?);
        let cluster = Self {
            nodes: (0..nodes)
                .map(|index| Node::prepare(setup, &lab, index, nodes))
                .collect::<Result<_, _>>()?,
        };
        // Together: each waits for the others to show up.
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

    /// Its nodes.
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
