use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{Bus, DomainEvent, Event, event_handler, events, handlers};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "Order.Created")]
struct OrderCreated {
    order_id: String,
}

#[event_handler("order.*")]
async fn take_payment(order: Event<OrderCreated>, bus: Bus) -> tidings::Result<OrderCreated> {
    let order_id = order.order_id.clone();
    bus.publish(order.data()).await?;
    Ok(OrderCreated { order_id })
}

fn main() {
    let _ = (events![OrderCreated], handlers![take_payment]);
}
