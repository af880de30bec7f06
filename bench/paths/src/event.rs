//! The event that travels: small, or of 64 kB.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;
use uuid::Uuid;

/// A customer placed an order.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.created", aggregate_id = order_id)]
pub struct OrderCreated {
    /// Which one.
    pub order_id: Uuid,
    /// Who.
    pub customer: String,
    /// For how much.
    pub total_cents: u64,
    /// What else there is to say.
    pub note: String,
}

/// An order was paid: what a handler returns.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "payment.settled", aggregate_id = order_id)]
pub struct PaymentSettled {
    /// Which order.
    pub order_id: Uuid,
}

impl OrderCreated {
    /// One whose envelope has 512 bytes.
    pub fn small() -> Self {
        Self::with_note(154)
    }

    /// One of 64 kB.
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
