//! Metadata: the facts about an event that are not its data.

use crate::message::timestamp::Timestamp;

/// The metadata of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The event's id, the same for every delivery. Tidings writes UUIDs; other services may write any text, which is
    /// unique only together with the `source` and the `event_type`.
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

impl Metadata {
    /// What makes the event different from every other one. An id alone does not: the ids of two services can be equal,
    /// and those of CloudEvents are unique only within their source.
    pub(crate) fn identity(&self) -> EventIdentity<'_> {
        EventIdentity {
            source: self.source.as_deref().unwrap_or_default(),
            event_type: &self.event_type,
            id: &self.id,
        }
    }
}

/// Identifies an event among those of all services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct EventIdentity<'a> {
    pub(crate) source: &'a str,
    pub(crate) event_type: &'a str,
    pub(crate) id: &'a str,
}
