//! The fields that are read from an event's body.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::malformed::{Malformed, MalformedKind};
use crate::message::timestamp::Timestamp;

/// The fields of an event as its body states them, or the headers of a binary CloudEvent. Missing fields are filled in
/// later from the message.
#[derive(Debug)]
pub(crate) struct EventFields<'a> {
    pub(crate) event_type: Cow<'a, str>,
    pub(crate) id: Option<Cow<'a, str>>,
    pub(crate) version: Option<u32>,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) aggregate_id: Option<Cow<'a, str>>,
    pub(crate) correlation_id: Option<Cow<'a, str>>,
    pub(crate) causation_id: Option<Cow<'a, str>>,
    pub(crate) source: Option<Cow<'a, str>>,
    pub(crate) data: Cow<'a, RawValue>,
}

impl<'a> EventFields<'a> {
    pub(crate) fn new(event_type: Cow<'a, str>, data: Cow<'a, RawValue>) -> Self {
        Self {
            event_type,
            id: None,
            version: None,
            timestamp: None,
            aggregate_id: None,
            correlation_id: None,
            causation_id: None,
            source: None,
            data,
        }
    }

    /// Fills in more fields. An error of `fill` gets the event type as its hint.
    pub(crate) fn fill_with(
        mut self,
        fill: impl FnOnce(&mut Self) -> Result<(), MalformedKind>,
    ) -> Result<Self, Malformed> {
        match fill(&mut self) {
            Ok(()) => Ok(self),
            Err(fault) => Err(Malformed::from(fault).with_type_hint(Some(&self.event_type))),
        }
    }
}
