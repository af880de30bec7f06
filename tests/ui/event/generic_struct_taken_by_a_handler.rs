use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{DomainEvent, event_handler, handlers};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
struct OrderCreated<T> {
    order_id: T,
}

#[event_handler]
async fn take_payment(_order: OrderCreated<String>) {}

fn main() {
    let _ = handlers![take_payment];
}
