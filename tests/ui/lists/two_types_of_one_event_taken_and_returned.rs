use tidings::{event_handler, handlers};
use tidings_tests::{OrderCancelled, OrderCreated};

mod other {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, JsonSchema, tidings::DomainEvent)]
    #[event(type = "order.created", aggregate_id = number)]
    pub struct Impostor {
        number: u32,
    }
}

#[event_handler]
async fn take_payment(_order: OrderCreated) {}

#[event_handler]
async fn renew(_order: OrderCancelled) -> Option<other::Impostor> {
    None
}

fn main() {
    let _ = handlers![take_payment, renew];
}
