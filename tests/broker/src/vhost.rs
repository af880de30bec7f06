//! Vhosts: one for each test.

use std::fmt::Write as _;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::error::Error;
use crate::node::Node;

/// A vhost for one test. It goes with its node; when its test panics, it shows the node's log.
#[derive(Debug)]
pub struct Vhost<'node> {
    node: &'node Node,
    name: String,
}

/// How many are made at once, by one start of `rabbitmqctl`, which takes longer than all of them.
const BATCH: usize = 8;

impl<'node> Vhost<'node> {
    pub(crate) fn of(node: &'node Node) -> Result<Self, Error> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let mut spare = node.vhosts.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.is_empty() {
            let first = MADE.fetch_add(BATCH, Ordering::Relaxed);
            let names: Vec<String> = (first..first + BATCH)
                .map(|number| format!("test-{number}"))
                .collect();
            node.ctl(&["eval", &expression(&names)])?;
            spare.extend(names.into_iter().rev());
        }
        let name = spare.pop().unwrap_or_default();
        Ok(Self { node, name })
    }

    /// Its name, as it stands in a URL, too.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where `guest` finds it.
    pub fn url(&self) -> String {
        self.node.url_of("guest", "guest", &self.name)
    }

    /// The node that it is on.
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

/// What makes vhosts and lets `guest` do everything there, in Erlang: `rabbitmqctl` has two commands for each.
fn expression(names: &[String]) -> String {
    let mut list = String::new();
    for name in names {
        let comma = if list.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(list, "{comma}<<\"{name}\">>");
    }
    format!(
        "[begin ok = rabbit_vhost:add(V, <<\"tests\">>), \
         ok = rabbit_auth_backend_internal:set_permissions(\
         <<\"guest\">>, V, <<\".*\">>, <<\".*\">>, <<\".*\">>, <<\"tests\">>) end || V <- [{list}]], ok."
    )
}
