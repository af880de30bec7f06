//! Strays: what finds its way onto every bus that several teams share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{Bus, Context, DomainEvent};
use uuid::Uuid;

/// The correlation id of the poison.
pub const POISON: &str = "stray-poison";
/// The correlation id of the unknown event.
pub const EXOTIC: &str = "stray-exotic";

/// How many there are.
pub const COUNT: usize = 2;

/// An order as some script of long ago writes it: under the right name, and of the wrong shape. No handler can read
/// it, however often it tries.
#[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.created", aggregate_id = id)]
struct PoisonedOrder {
    id: u64,
    dish: String,
}

/// A new event, which orders publishes one day and the other services have not heard of.
#[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.exotic", aggregate_id = order_id)]
struct OrderExotic {
    order_id: Uuid,
    spice: String,
}

/// Lets both of them loose.
///
/// # Errors
/// When the broker does not take them.
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
