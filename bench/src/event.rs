//! The event that every client sends: about 512 bytes in its envelope, or 64 kB.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;
use uuid::Uuid;

/// A customer placed an order.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.created", aggregate_id = order_id)]
pub(crate) struct OrderCreated {
    pub(crate) order_id: Uuid,
    pub(crate) customer: String,
    pub(crate) total_cents: u64,
    /// The time of the publish, in microseconds since the Unix epoch. End-to-end latency starts here.
    pub(crate) at_micros: u64,
    pub(crate) note: String,
}

/// The length of a note that makes an envelope of about 512 bytes.
pub(crate) const SMALL_NOTE: usize = 96;

impl OrderCreated {
    pub(crate) fn new(number: u64, note: usize) -> Self {
        Self {
            // A new aggregate for each number, and the same ones in every run.
            order_id: Uuid::from_u128(0x0193_5a1c_0000_7000_8000_0000_0000_0000 | u128::from(number)),
            customer: "Ada Lovelace".to_owned(),
            total_cents: 4200 + number % 1000,
            at_micros: 0,
            note: "n".repeat(note),
        }
    }

    /// Whether this is event number 0 of a run.
    pub(crate) fn is_first(&self) -> bool {
        self.order_id == Self::new(0, 0).order_id
    }
}

/// The envelope as a hand-written client writes it, with the same fields as Tidings writes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope<T> {
    pub(crate) id: Uuid,
    pub(crate) r#type: String,
    pub(crate) timestamp: String,
    pub(crate) aggregate_id: String,
    pub(crate) correlation_id: Uuid,
    pub(crate) version: u32,
    pub(crate) source: String,
    pub(crate) data: T,
}

impl<'a, T> Envelope<&'a T> {
    /// Makes a new id and takes the time, as Tidings does for every publish.
    pub(crate) fn new(r#type: &str, aggregate_id: String, event: &'a T) -> Self {
        let id = Uuid::now_v7();
        let now = jiff::Timestamp::now();
        Self {
            id,
            r#type: r#type.to_owned(),
            timestamp: format!("{now:.3}"),
            aggregate_id,
            correlation_id: id,
            version: 1,
            source: "bench".to_owned(),
            data: event,
        }
    }
}

pub(crate) fn now_micros() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
