#![deny(warnings)]

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
    // The one warning is for the one who names it.
    #[allow(deprecated)]
    Created(events::Order),
}

fn main() {}
