//! Faults of a cluster of three nodes.

mod members;
mod node_failures;

use crate::fault::{Fault, Times};

const FIVE: Times = Times { short: 1, full: 5 };

/// The faults of this module, in the order of the table.
pub const FAULTS: &[Fault] = &[
    Fault::new(
        "leader-killed",
        "the cluster node with the leader of the queue is killed and restarted",
        FIVE,
        |harness| Box::pin(node_failures::relative_to_leader(harness, 0)),
    ),
    Fault::new(
        "follower-killed",
        "a cluster node without the leader of the queue is killed and restarted",
        FIVE,
        |harness| Box::pin(node_failures::relative_to_leader(harness, 1)),
    ),
    Fault::new(
        "each-node-killed",
        "the nodes of a cluster are killed and restarted, one after the other",
        FIVE,
        |harness| Box::pin(node_failures::every_node(harness)),
    ),
    Fault::new(
        "rolling-restart",
        "the nodes of a cluster are stopped regularly and restarted, one after the other",
        FIVE,
        |harness| Box::pin(node_failures::rolling(harness)),
    ),
    Fault::new(
        "pinned-node-killed",
        "the cluster node of the clients is killed, and the clients connect to another node",
        FIVE,
        |harness| Box::pin(node_failures::pinned(harness)),
    ),
    Fault::new(
        "nacks-during-an-election",
        "a leader is killed with 500 publishes in flight through another node",
        FIVE,
        |harness| Box::pin(node_failures::election(harness)),
    ),
];
