use tidings::events;
use tidings_tests::OrderCreated;

mod other {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, JsonSchema, tidings::DomainEvent)]
    #[event(type = "order.created", aggregate_id = number)]
    pub struct Impostor {
        number: u32,
    }
}

fn main() {
    let _ = events![OrderCreated, other::Impostor];
}
