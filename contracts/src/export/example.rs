//! The example of a contract: what the event's author names, or one made up from the schema.

use serde_json::Value;
use tidings::EventDescriptor;

use crate::export::introspect::index::Index;
use crate::export::introspect::walk::{Discovered, Location, Plan, Walk};

/// An event as its type writes it; none where neither its author nor its schema leads to one.
pub(crate) fn of(event: &EventDescriptor, writer: &Value) -> Option<Value> {
    let probe = event.probe();
    if let Some(example) = (probe.example)() {
        return serde_json::from_str(&example.ok()?).ok();
    }
    let (plan, mut discovered) = (Plan::default(), Discovered::default());
    let index = Index::of(writer);
    let made_up = Walk::new(&index, &plan, &mut discovered).value(&Location::root());
    // The type has the last word on what it writes.
    let rewritten = (probe.rewrite)(event.version(), &made_up.to_string())
        .ok()?
        .ok()?;
    serde_json::from_str(&rewritten).ok()
}
