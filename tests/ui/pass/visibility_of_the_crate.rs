use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{DomainEvent, event_handler, handlers};

mod events {
    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    pub(crate) struct OrderCreated {
        pub(crate) order_id: String,
    }
}

#[event_handler]
pub(crate) async fn take_payment(_order: events::OrderCreated) {}

pub(super) fn main() {
    let _ = handlers![take_payment];
}
