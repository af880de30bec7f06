use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(version = 2, upcast_from = Older)]
struct OrderCreated {
    order_id: String,
    total: u64,
}

#[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.created", version = 1)]
struct Older {
    order_id: String,
}

fn publish<E: tidings::Payload>() {}

fn main() {
    publish::<OrderCreated>();
}
