//! Reading: from a message of anyone's to an event of any type.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::body::Body;
use super::cloudevents::{self, Form};
use super::envelope;
use super::ids::derived_event_id;
use super::limits::Limits;
use super::malformed::{Malformed, MalformedKind};
use super::object::time_by_magnitude;
use super::origin::Origin;
use crate::event::{AnyEvent, Metadata};
use crate::message::Message;
use crate::message::timestamp::Timestamp;

/// What a body (or the headers of a binary CloudEvent) says of its event. The rest comes from the message.
#[derive(Debug)]
pub(crate) struct Found<'a> {
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

impl<'a> Found<'a> {
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

    /// Adds what `fill` finds; what goes wrong on the way is told with the type.
    pub(crate) fn filled(
        mut self,
        fill: impl FnOnce(&mut Self) -> Result<(), MalformedKind>,
    ) -> Result<Self, Malformed> {
        match fill(&mut self) {
            Ok(()) => Ok(self),
            Err(fault) => Err(Malformed::from(fault).or_hint(Some(&self.event_type))),
        }
    }
}

/// Reads the event in `message`, which was published to `origin` at first.
///
/// The content type decides nothing but whether it is a CloudEvent: clients leave it out, or call JSON plain text.
///
/// # Errors
/// When there is no event in it, or one over the limits; the error says what is wrong and where.
pub(crate) fn read(message: &Arc<Message>, origin: &Origin, limits: &Limits) -> Result<AnyEvent, Malformed> {
    let outer_type = outer_type(message, origin);
    find(message, outer_type, limits)
        .map(|found| complete(found, message, origin))
        .map_err(|malformed| malformed.or_hint(outer_type))
}

fn find<'a>(
    message: &'a Message,
    outer_type: Option<&'a str>,
    limits: &Limits,
) -> Result<Found<'a>, Malformed> {
    let form = Form::of(message)?;
    let hint = form.type_hint();
    Body::of(message, limits)
        .map_err(|fault| Malformed::from(fault).or_hint(hint.as_deref()))
        .and_then(|body| match form {
            Form::Envelope => envelope::read(&body, outer_type),
            Form::Structured => cloudevents::read_structured(&body, limits),
            Form::Binary(attributes) => cloudevents::read_binary(&attributes, &body),
        })
}

/// The type that stands outside the body: the AMQP property, else the original routing key.
fn outer_type<'a>(message: &'a Message, origin: &'a Origin) -> Option<&'a str> {
    let property = message.properties.kind();
    property
        .into_iter()
        .chain([&*origin.routing_key])
        .find(|text| !text.is_empty())
}

/// Fills in what the event did not say of itself.
///
/// - id: the `message_id` property, else one derived from exchange, key and body, so that it is the same each time.
/// - correlation id: the property, else the event's own id.
/// - timestamp: the property, else when it was first received.
/// - version: 1.
fn complete(found: Found<'_>, message: &Arc<Message>, origin: &Origin) -> AnyEvent {
    let properties = &message.properties;
    let given = found
        .id
        .map(Cow::into_owned)
        .or_else(|| some_text(properties.message_id()));
    let id_is_derived = given.is_none();
    let id = given.unwrap_or_else(|| {
        derived_event_id(&origin.exchange, &origin.routing_key, &message.body).to_string()
    });
    let correlation_id = found.correlation_id.map(Cow::into_owned);
    let metadata = Metadata {
        correlation_id: correlation_id
            .or_else(|| some_text(properties.correlation_id()))
            .unwrap_or_else(|| id.clone()),
        id,
        event_type: found.event_type.into_owned(),
        version: found.version.unwrap_or(1),
        timestamp: found
            .timestamp
            .or_else(|| properties.timestamp().and_then(time_by_magnitude))
            .unwrap_or(origin.first_received_at),
        aggregate_id: found.aggregate_id.map(Cow::into_owned).unwrap_or_default(),
        causation_id: found.causation_id.map(Cow::into_owned),
        source: found.source.map(Cow::into_owned),
        id_is_derived,
    };
    AnyEvent::new(
        Arc::new(metadata),
        Arc::clone(&origin.routing_key),
        Arc::clone(message),
        found.data.get(),
    )
}

fn some_text(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}
