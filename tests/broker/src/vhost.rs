//! Virtual hosts: each test has its own.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::error::Error;
use crate::node::Node;

/// A virtual host for one test. It exists as long as its node. When the test panics, the log of the node is printed.
#[derive(Debug)]
pub struct Vhost<'node> {
    node: &'node Node,
    name: String,
}

/// The number of virtual hosts that one call of `rabbitmqctl` creates. Its start takes longer than their creation.
const BATCH: usize = 8;

impl<'node> Vhost<'node> {
    pub(crate) fn of(node: &'node Node) -> Result<Self, Error> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let mut spare = node.vhosts.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.is_empty() {
            let first = NEXT.fetch_add(BATCH, Ordering::Relaxed);
            let names: Vec<String> = (first..first + BATCH)
                .map(|number| format!("test-{number}"))
                .collect();
            node.ctl(&["eval", &expression(&names)])?;
            spare.extend(names.into_iter().rev());
        }
        let name = spare.pop().unwrap_or_default();
        Ok(Self { node, name })
    }

    /// The name, which needs no escaping in a URL.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL for the user `guest`.
    pub fn url(&self) -> String {
        self.node.url_of("guest", "guest", &self.name)
    }

    /// The node of this virtual host.
    pub fn node(&self) -> &'node Node {
        self.node
    }
}

impl Drop for Vhost<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.node.report();
        }
    }
}

/// Returns the Erlang code that creates virtual hosts and gives `guest` all permissions. `rabbitmqctl` would
/// need two commands for each.
fn expression(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("<<\"{name}\">>")).collect();
    let list = names.join(",");
    format!(
        "[begin ok = rabbit_vhost:add(V, <<\"tests\">>), \
         ok = rabbit_auth_backend_internal:set_permissions(\
         <<\"guest\">>, V, <<\".*\">>, <<\".*\">>, <<\".*\">>, <<\"tests\">>) end || V <- [{list}]], ok."
    )
}
