use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(example = "sample()")]
struct OrderCreated {
    order_id: String,
    total: u64,
}

fn sample() -> OrderCreated {
    OrderCreated { order_id: "o-1".to_owned(), total: 5 }
}

fn publish<E: tidings::Payload>() {}

fn main() {
    publish::<OrderCreated>();
}
