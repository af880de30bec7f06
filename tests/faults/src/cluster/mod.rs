//! Faults of a cluster of three nodes.

mod members;
mod node_failures;

use crate::fault::{Fault, Times};

const FIVE: Times = Times { short: 1, full: 5 };

/// The rows.
pub const FAULTS: &[Fault] = &[
    Fault::new(
        "leader-killed",
        "of a cluster, the node with the queue's leader is killed and started again",
        FIVE,
        |harness| Box::pin(node_failures::leader(harness)),
    ),
    Fault::new(
        "follower-killed",
        "of a cluster, a node without the queue's leader is killed and started again",
        FIVE,
        |harness| Box::pin(node_failures::follower(harness)),
    ),
    Fault::new(
        "each-node-killed",
        "the nodes of a cluster are killed and started again, one after the other",
        FIVE,
        |harness| Box::pin(node_failures::each(harness)),
    ),
    Fault::new(
        "rolling-restart",
        "the nodes of a cluster are stopped in good order and started again, one after the other",
        FIVE,
        |harness| Box::pin(node_failures::rolling(harness)),
    ),
    Fault::new(
        "pinned-node-killed",
        "the node of a cluster that clients are connected to is killed: they move on to another",
        FIVE,
        |harness| Box::pin(node_failures::pinned(harness)),
    ),
    Fault::new(
        "nacks-during-an-election",
        "a leader is killed with 500 publishes under way, by way of another node",
        FIVE,
        |harness| Box::pin(node_failures::election(harness)),
    ),
];
