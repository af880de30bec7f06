//! The soak: one broker, traffic throughout, and faults drawn one after the other.

use std::sync::Arc;

use tidings_broker::Node;

/// The broker of a soak, to do a fault to.
#[derive(Debug)]
pub struct Field {
    /// The node; the traffic is in its virtual host `/`.
    pub node: Arc<Node>,
}
