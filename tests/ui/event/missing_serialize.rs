use schemars::JsonSchema;
use serde::Deserialize;
use tidings::{DomainEvent, event_handler, events, handlers};

#[derive(Deserialize, JsonSchema, DomainEvent)]
struct OrderCreated {
    order_id: String,
}

#[derive(DomainEvent)]
enum OrderEvent {
    Created(OrderCreated),
}

#[event_handler]
async fn take_payment(order: OrderCreated) -> OrderCreated {
    order
}

#[event_handler("order.*")]
async fn follow(_event: OrderEvent) {}

fn main() {
    let _ = events![OrderCreated];
    let _ = handlers![take_payment, follow];
}
