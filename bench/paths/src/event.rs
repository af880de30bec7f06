//! The event of the paths: 512 bytes, or 64 kB.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;
use uuid::Uuid;

/// A customer placed an order.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.created", aggregate_id = order_id)]
pub struct OrderCreated {
    /// The order.
    pub order_id: Uuid,
    /// The customer's name.
    pub customer: String,
    /// The price in cents.
    pub total_cents: u64,
    /// Text that gives the event its size.
    pub note: String,
}

/// The payment for an order arrived. A handler returns this event.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "payment.settled", aggregate_id = order_id)]
pub struct PaymentSettled {
    /// The order.
    pub order_id: Uuid,
}

impl OrderCreated {
    /// An event whose envelope has 512 bytes.
    pub fn small() -> Self {
        Self::with_note(154)
    }

    /// An event of 64 kB.
    pub fn big() -> Self {
        Self::with_note(64 * 1024)
    }

    fn with_note(length: usize) -> Self {
        Self {
            order_id: Uuid::from_u128(0x0193_5a1c_0000_7000_8000_0000_0000_0007),
            customer: "Ada Lovelace".to_owned(),
            total_cents: 4_200,
            note: "n".repeat(length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[test]
    fn a_small_event_is_512_bytes_on_the_wire() {
        assert_eq!(wire::of(&OrderCreated::small()).body().len(), 512);
    }
}
