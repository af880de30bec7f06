//! The reference for decoding and encoding: the envelope as a struct, and `serde_json` on it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::OrderCreated;

/// The envelope as a struct, with the same fields as Tidings writes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope<T> {
    id: Uuid,
    r#type: String,
    timestamp: String,
    aggregate_id: String,
    correlation_id: Uuid,
    version: u32,
    source: String,
    /// The event.
    pub data: T,
}

/// Encodes an event in its envelope.
///
/// # Panics
/// If the event cannot be serialized.
pub fn encode(event: &OrderCreated) -> Vec<u8> {
    let id = Uuid::from_u128(0x0193_5a1c_2b3c_7d4e_8f50_6172_8394_0a1b);
    let envelope = Envelope {
        id,
        r#type: "order.created".to_owned(),
        timestamp: "2026-11-23T10:00:00.123Z".to_owned(),
        aggregate_id: event.order_id.to_string(),
        correlation_id: id,
        version: 1,
        source: "bench".to_owned(),
        data: event,
    };
    serde_json::to_vec(&envelope).expect("the event is JSON")
}

/// Decodes an envelope.
///
/// # Panics
/// If the body is not an envelope of this event.
pub fn decode(body: &[u8]) -> Envelope<OrderCreated> {
    serde_json::from_slice(body).expect("the body is an envelope")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[test]
    fn it_writes_as_many_bytes_as_tidings_and_reads_its_body() {
        let event = OrderCreated::small();
        let wire = wire::of(&event);
        assert_eq!(encode(&event).len(), wire.body().len());
        assert_eq!(decode(wire.body()).data.order_id, event.order_id);
    }
}
