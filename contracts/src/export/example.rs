//! The golden example of a contract.

use serde_json::Value;
use tidings::EventDescriptor;

use crate::export::introspect::index::Index;
use crate::export::introspect::walk::{Discovered, Location, Plan, Walk};

/// Returns the author's example, or an example made from the schema; `None` when the type accepts neither.
pub(crate) fn of(event: &EventDescriptor, writer: &Value) -> Option<Value> {
    let hooks = event.introspect();
    if let Some(example) = (hooks.example)() {
        return serde_json::from_str(&example.ok()?).ok();
    }
    let (plan, mut discovered) = (Plan::default(), Discovered::default());
    let index = Index::of(writer);
    let generated = Walk::new(&index, &plan, &mut discovered).value(&Location::root());
    // The type reads the example and writes it again, so that the contract has the example as the type writes it.
    let rewritten = (hooks.rewrite)(event.version(), &generated.to_string())
        .ok()?
        .ok()?;
    serde_json::from_str(&rewritten).ok()
}
