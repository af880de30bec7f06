use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;

#[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
struct OrderCreated<'a> {
    order_id: &'a str,
}

fn publish<E: tidings::Payload>() {}

fn main() {
    let _ = OrderCreated { order_id: "1" };
}
