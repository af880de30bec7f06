#![deny(deprecated)]

use tidings::{Event, event_handler, handlers};

mod events {
    // schemars' derive names the struct without allowing for it.
    #![allow(deprecated)]

    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use tidings::DomainEvent;

    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[deprecated(note = "use order.placed, until 2027-06-30")]
    pub struct OrderCreated {
        pub order_id: String,
    }
}

#[event_handler]
async fn take_payment(order: Event<events::OrderCreated>) {
    drop(order);
}

fn main() {
    let _ = handlers![take_payment];
}
