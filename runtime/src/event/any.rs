//! An event of any type.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::DomainEvent;
use super::decode::{self, DecodeError};
use super::metadata::Metadata;
use crate::message::Message;

/// An event of any type, with its data as JSON. Cheap to clone; it keeps its whole message in memory.
#[derive(Clone)]
pub struct AnyEvent {
    metadata: Arc<Metadata>,
    routing_key: Arc<str>,
    message: Arc<Message>,
    data: EventData,
}

#[derive(Clone)]
enum EventData {
    /// A range of the body, which saves a copy.
    Borrowed(Range<usize>),
    Owned(Arc<str>),
}

impl AnyEvent {
    pub(crate) fn new(
        metadata: Arc<Metadata>,
        routing_key: Arc<str>,
        message: Arc<Message>,
        data: &str,
    ) -> Self {
        let range = message.body.range_of(data);
        let data = range.map_or_else(|| EventData::Owned(data.into()), EventData::Borrowed);
        Self {
            metadata,
            routing_key,
            message,
            data,
        }
    }

    /// The event type, `order.created`.
    pub fn event_type(&self) -> &str {
        &self.metadata.event_type
    }

    /// The routing key that it was first published with.
    pub fn routing_key(&self) -> &str {
        &self.routing_key
    }

    /// The metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The data as the JSON text of the message.
    pub fn json(&self) -> &str {
        match &self.data {
            EventData::Borrowed(range) => {
                &self.message.body.text().expect("the body contains the data")[range.clone()]
            }
            EventData::Owned(data) => data,
        }
    }

    /// Decodes the data as the event `E`, upcasting an older version.
    ///
    /// # Errors
    /// When the event has another type or a version that `E` cannot be upcast from, and when its data does not fit `E`.
    pub fn decode<E: DomainEvent>(&self) -> Result<E, DecodeError> {
        decode::event::<E>(&self.metadata, self.json())
    }

    pub(crate) fn shared_metadata(&self) -> Arc<Metadata> {
        Arc::clone(&self.metadata)
    }

    pub(crate) fn message(&self) -> &Arc<Message> {
        &self.message
    }
}

impl fmt::Debug for AnyEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyEvent")
            .field("metadata", &self.metadata)
            .field("routing_key", &self.routing_key)
            .field("data", &self.json())
            .finish_non_exhaustive()
    }
}
