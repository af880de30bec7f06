use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "Order.Created", verison = 2)]
struct OrderCreated {
    order_id: String,
    total: u64,
}

fn publish<E: tidings::Payload>() {}

fn main() {
    publish::<OrderCreated>();
}
