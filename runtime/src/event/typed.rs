//! A typed event with its metadata.

use std::ops::Deref;
use std::sync::Arc;

use super::metadata::Metadata;
use super::payload::{self, Payload};
use crate::message::timestamp::Timestamp;

/// An event with its metadata: id, time, correlation and cause.
///
/// A handler takes `Event<T>` when it needs the metadata, and `T` otherwise. `Event<T>` dereferences to `T`, so that
/// fields are accessible directly: `order.customer`.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<T> {
    data: T,
    metadata: Arc<Metadata>,
}

impl<T> Event<T> {
    pub(crate) fn with_metadata(data: T, metadata: Arc<Metadata>) -> Self {
        Self { data, metadata }
    }

    /// The event without its metadata.
    pub fn data(&self) -> &T {
        &self.data
    }

    /// Returns the event without its metadata.
    pub fn into_data(self) -> T {
        self.data
    }

    /// The metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The event's id.
    pub fn id(&self) -> &str {
        &self.metadata.id
    }

    /// When the event happened.
    pub fn timestamp(&self) -> Timestamp {
        self.metadata.timestamp
    }

    /// The correlation id, which all events that follow from one request share.
    pub fn correlation_id(&self) -> &str {
        &self.metadata.correlation_id
    }

    /// The id of the event that caused this one.
    pub fn causation_id(&self) -> Option<&str> {
        self.metadata.causation_id.as_deref()
    }
}

impl<T: Payload> Event<T> {
    /// Wraps an event with the metadata of an event that was just published, for a test that calls a handler directly.
    ///
    /// ```
    /// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::{DomainEvent, Event};
    /// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    /// # #[event(type = "order.created")] struct OrderCreated { order_id: String }
    /// let order = Event::new(OrderCreated { order_id: "o-1".into() });
    /// assert_eq!(order.order_id, "o-1");
    /// assert_eq!(order.correlation_id(), order.id());
    /// ```
    pub fn new(data: T) -> Self {
        let metadata = payload::new_metadata(&data);
        Self::with_metadata(data, Arc::new(metadata))
    }
}

impl<T> Deref for Event<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}
