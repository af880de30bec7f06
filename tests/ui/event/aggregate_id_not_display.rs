use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(aggregate_id = lines)]
struct OrderCreated {
    lines: Vec<String>,
}

fn publish<E: tidings::Payload>() {}

fn main() {
    publish::<OrderCreated>();
}
