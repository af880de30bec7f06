#![deny(deprecated)]

use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

mod events {
    // The code that schemars derives uses the deprecated struct.
    #![allow(deprecated)]

    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use tidings::DomainEvent;

    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[deprecated(note = "use payment.received, until 2027-06-30")]
    pub struct PaymentSettled {
        pub payment_id: String,
    }
}

#[event_handler]
async fn take_payment(_: OrderCreated) -> Option<events::PaymentSettled> {
    None
}

fn main() {
    let _ = handlers![take_payment];
}
