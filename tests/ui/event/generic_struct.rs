use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
struct OrderCreated<T> {
    order_id: T,
}

fn publish<E: tidings::Payload>() {}

fn main() {
    let _ = OrderCreated { order_id: 1 };
}
