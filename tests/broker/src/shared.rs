//! One node for all tests of a binary.

use std::sync::OnceLock;

use crate::install::Install;
use crate::node::Node;
use crate::setup::Setup;

/// The node that all tests of this process share, on the RabbitMQ that [`Install::find`] finds; started by whoever
/// asks first, ended when the process ends. Each test takes a vhost of its own: [`Node::vhost`].
///
/// A test that kills its node takes one of its own, by [`Setup`].
///
/// # Panics
/// When there is no RabbitMQ, or it does not start.
pub fn shared() -> &'static Node {
    // Nobody drops a static: it is the watcher that ends this node.
    static SHARED: OnceLock<Result<Node, String>> = OnceLock::new();
    let node = SHARED.get_or_init(|| {
        Install::find()
            .and_then(|install| Setup::new(&install).start())
            .map_err(|error| format!("{error:?}"))
    });
    match node {
        Ok(node) => node,
        Err(fault) => panic!("{fault}"),
    }
}
