use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{DomainEvent, EventDescriptor, event_handler, handlers};

/// A customer placed an order.
///
///   - indented
#[doc = "And a last line."]
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.created")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Order")]
#[event(version = 2)]
#[allow(dead_code)]
pub struct OrderCreated {
    /// The order.
    #[serde(rename = "number")]
    pub order_id: String,
}

/// Takes the money.
#[allow(clippy::unused_async)]
#[event_handler]
#[inline]
#[must_use]
async fn take_payment(#[allow(unused_variables)] order: OrderCreated) {}

pub(super) fn main() {
    let event = EventDescriptor::of::<OrderCreated>();
    assert_eq!(event.description(), Some("A customer placed an order.\n\n  - indented\nAnd a last line."));
    let _ = handlers![take_payment];
}
