//! Metadata: the facts about an event that are not its data.

use crate::message::timestamp::Timestamp;

/// The metadata of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The event's id, the same for every delivery. Tidings writes UUIDs; other services may write any text.
    pub id: String,
    /// The event type, `order.created`.
    pub event_type: String,
    /// The version of the event.
    pub version: u32,
    /// When the event happened.
    pub timestamp: Timestamp,
    /// The id of the aggregate; empty when the publisher set none.
    pub aggregate_id: String,
    /// The correlation id, which all events that follow from one request share.
    pub correlation_id: String,
    /// The id of the event that caused this one.
    pub causation_id: Option<String>,
    /// The service that published the event.
    pub source: Option<String>,
    /// Whether the id was derived from the content, because the message has no id.
    pub id_is_derived: bool,
}
