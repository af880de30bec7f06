use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
struct OrderLinePriceChanged {
    order_id: String,
}

fn publish<E: tidings::Payload>() {}

fn main() {
    publish::<OrderLinePriceChanged>();
}
