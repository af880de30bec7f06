//! What a hand-written client does instead: a struct, and `serde_json` on it. The twin of decoding and of encoding.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::OrderCreated;

/// The envelope as a struct: the same fields as ours.
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

/// Writes it.
///
/// # Panics
/// When it cannot be written.
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
    serde_json::to_vec(&envelope).expect("it can be written")
}

/// Reads it.
///
/// # Panics
/// When it cannot be read.
pub fn decode(body: &[u8]) -> Envelope<OrderCreated> {
    serde_json::from_slice(body).expect("it can be read")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[test]
    fn it_writes_as_many_bytes_as_ours_and_reads_ours() {
        let event = OrderCreated::small();
        let ours = wire::of(&event);
        assert_eq!(encode(&event).len(), ours.body().len());
        assert_eq!(decode(ours.body()).data.order_id, event.order_id);
    }
}
