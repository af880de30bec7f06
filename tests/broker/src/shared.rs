//! The node that all tests of a process share.

use std::sync::OnceLock;

use crate::install::Install;
use crate::node::Node;
use crate::setup::Setup;

/// Returns the node that all tests of this process share. The first call starts it, on the RabbitMQ of
/// [`Install::find`]; it is killed when the process ends. Each test takes its own vhost from [`Node::vhost`].
///
/// A test that kills its node starts its own with [`Setup`].
///
/// # Panics
/// When there is no RabbitMQ, or the node does not start.
pub fn shared() -> &'static Node {
    // A static is never dropped: the watcher kills this node.
    static SHARED: OnceLock<Result<Node, String>> = OnceLock::new();
    let node = SHARED.get_or_init(|| {
        Install::find()
            .and_then(|install| Setup::new(&install).start())
            .map_err(|error| format!("{error:?}"))
    });
    match node {
        Ok(node) => node,
        Err(error) => panic!("{error}"),
    }
}
