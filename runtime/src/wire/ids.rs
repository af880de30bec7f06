//! Ids that are the same each time they are made: of events that came without one, and of those that handlers return.

use uuid::Uuid;

/// The namespaces are part of the wire format: another one gives other ids to the same events.
const DERIVED: Uuid = Uuid::from_u128(0x1f0d_8d52_6a1c_4f3e_9b57_c2d3_70e9_4a01);
const RETURNED: Uuid = Uuid::from_u128(0x7c3e_45b9_20d6_4a8f_8e14_5b9a_f1c6_3d02);

/// The id of an event that came without one: the same for every handler and every redelivery.
pub(crate) fn derived_event_id(exchange: &str, routing_key: &str, body: &[u8]) -> Uuid {
    hashed(DERIVED, &[exchange.as_bytes(), routing_key.as_bytes(), body])
}

/// The id of the event that a handler returned as its `ordinal`th of the type `event_type`: a handler that runs twice
/// publishes the same facts twice, not two facts.
pub(crate) fn returned_event_id(cause_id: &str, queue: &str, event_type: &str, ordinal: usize) -> Uuid {
    let ordinal = u64::try_from(ordinal).unwrap_or(u64::MAX).to_be_bytes();
    let parts = [
        cause_id.as_bytes(),
        queue.as_bytes(),
        event_type.as_bytes(),
        &ordinal,
    ];
    hashed(RETURNED, &parts)
}

/// Each part stands behind its length, so that no two lists of parts read the same.
fn hashed(namespace: Uuid, parts: &[&[u8]]) -> Uuid {
    let mut name = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        name.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        name.extend_from_slice(part);
    }
    Uuid::new_v5(&namespace, &name)
}
