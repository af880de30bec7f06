//! Strays: events that a bus of several teams receives by mistake.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{Bus, Context, DomainEvent};
use uuid::Uuid;

/// The correlation id of the poison message.
pub const POISON: &str = "stray-poison";
/// The correlation id of the unknown event.
pub const EXOTIC: &str = "stray-exotic";

/// The number of strays.
pub const COUNT: usize = 2;

/// An order from an old script: the right event type with the wrong data. No handler can ever read it.
#[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.created", aggregate_id = id)]
struct PoisonedOrder {
    id: u64,
    dish: String,
}

/// A new event of orders that the other services do not know yet.
#[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.exotic", aggregate_id = order_id)]
struct OrderExotic {
    order_id: Uuid,
    spice: String,
}

/// Publishes both strays.
///
/// # Errors
/// When the broker does not accept them.
pub async fn publish(bus: &Bus) -> anyhow::Result<()> {
    let poison = PoisonedOrder {
        id: 7,
        dish: "soup".to_owned(),
    };
    let exotic = OrderExotic {
        order_id: Uuid::now_v7(),
        spice: "saffron".to_owned(),
    };
    Context::new(POISON)?.scope(bus.publish(&poison)).await?;
    Context::new(EXOTIC)?.scope(bus.publish(&exotic)).await?;
    Ok(())
}
