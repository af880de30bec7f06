use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{DomainEvent, event_handler, handlers};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
struct OrderCreated(String);

#[event_handler("order.created")]
async fn take_payment(_order: OrderCreated) {}

fn main() {
    let _ = handlers![take_payment];
}
