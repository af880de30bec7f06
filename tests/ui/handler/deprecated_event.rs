// The event is #[deprecated], so rustc reports the handler that takes it.
#![deny(deprecated)]

mod events {
    #![allow(deprecated)]
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use tidings::DomainEvent;

    #[deprecated(note = "use order.placed")]
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    pub struct OrderCreated {
        pub order_id: String,
    }
}

use tidings::{event_handler, handlers};

#[event_handler]
async fn take_payment(_order: events::OrderCreated) {}

fn main() {
    let _ = handlers![take_payment];
}
