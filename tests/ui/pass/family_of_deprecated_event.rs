#![deny(warnings)]
#![allow(dead_code)]

use tidings::DomainEvent;

mod events {
    #![allow(deprecated)]
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    #[deprecated]
    #[derive(Serialize, Deserialize, JsonSchema, tidings::DomainEvent)]
    #[event(type = "order.created")]
    pub struct Order {
        id: u32,
    }
}

#[derive(DomainEvent)]
pub enum OrderEvent {
    // rustc warns here only, where the user names the event, and not in the generated code.
    #[allow(deprecated)]
    Created(events::Order),
}

pub(super) fn main() {}
