//! Faults of a cluster of three nodes.

mod members;
mod node_failures;

use crate::fault::{Fault, Times};

const FIVE: Times = Times { short: 1, full: 5 };

/// The faults of this module, in the order of the table.
pub const FAULTS: &[Fault] = &[
    Fault::new("leader-killed", FIVE, |harness| {
        Box::pin(node_failures::relative_to_leader(harness, 0))
    }),
    Fault::new("follower-killed", FIVE, |harness| {
        Box::pin(node_failures::relative_to_leader(harness, 1))
    }),
    Fault::new("each-node-killed", FIVE, |harness| {
        Box::pin(node_failures::every_node(harness))
    }),
    Fault::new("rolling-restart", FIVE, |harness| {
        Box::pin(node_failures::rolling(harness))
    }),
    Fault::new("pinned-node-killed", FIVE, |harness| {
        Box::pin(node_failures::pinned(harness))
    }),
    Fault::new("nacks-during-an-election", FIVE, |harness| {
        Box::pin(node_failures::election(harness))
    }),
];
