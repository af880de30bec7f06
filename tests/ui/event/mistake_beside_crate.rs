mod vendor {
    pub use tidings as news;
}

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod tidings {}

#[derive(Serialize, Deserialize, JsonSchema, vendor::news::DomainEvent)]
#[event(crate = vendor::news, verison = 2)]
struct OrderCreated {
    order_id: String,
}

fn publish<E: vendor::news::Payload>() {}

fn main() {
    publish::<OrderCreated>();
}
