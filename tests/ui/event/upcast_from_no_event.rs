use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(version = 2, upcast_from = Older)]
struct OrderCreated {
    order_id: String,
    total: u64,
}

struct Older {
    order_id: String,
}

impl From<Older> for OrderCreated {
    fn from(old: Older) -> Self {
        Self { order_id: old.order_id, total: 0 }
    }
}

fn publish<E: tidings::Payload>() {}

fn main() {
    publish::<OrderCreated>();
}
