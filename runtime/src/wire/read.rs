//! Reading: from a message of any client to an event of any type.

use std::borrow::Cow;
use std::sync::Arc;

use super::body::Body;
use super::cloudevents::{self, ContentMode};
use super::envelope;
use super::event_fields::EventFields;
use super::ids::derived_event_id;
use super::limits::Limits;
use super::malformed::Malformed;
use super::object::time_by_magnitude;
use super::origin::Origin;
use crate::event::{AnyEvent, Metadata};
use crate::message::Message;

/// Reads the event in `message`, which was first published to `origin`.
///
/// The content type decides only whether the message is a CloudEvent, because many clients omit it or write
/// `text/plain` for JSON.
pub(crate) fn read(message: &Arc<Message>, origin: &Origin, limits: &Limits) -> Result<AnyEvent, Malformed> {
    let outer_type = outer_type(message, origin);
    read_fields(message, outer_type, limits)
        .map(|fields| complete(fields, message, origin))
        .map_err(|malformed| malformed.with_type_hint(outer_type))
}

fn read_fields<'a>(
    message: &'a Message,
    outer_type: Option<&'a str>,
    limits: &Limits,
) -> Result<EventFields<'a>, Malformed> {
    let mode = ContentMode::of(message)?;
    let hint = mode.type_hint();
    Body::of(message, limits)
        .map_err(|fault| Malformed::from(fault).with_type_hint(hint.as_deref()))
        .and_then(|body| match mode {
            ContentMode::Envelope => envelope::read(&body, outer_type),
            ContentMode::Structured => cloudevents::read_structured(&body, limits),
            ContentMode::Binary(attributes) => cloudevents::read_binary(&attributes, &body),
        })
}

/// The event type outside of the body: the AMQP property `type`, else the original routing key.
fn outer_type<'a>(message: &'a Message, origin: &'a Origin) -> Option<&'a str> {
    let property = message.properties.kind();
    property
        .into_iter()
        .chain([&*origin.routing_key])
        .find(|text| !text.is_empty())
}

/// Fills in the missing fields.
///
/// | field | source |
/// |---|---|
/// | id | the property `message_id`, else an id derived from exchange, routing key, type, source and body |
/// | correlation id | the property `correlation_id`, else the id of the event |
/// | timestamp | the property `timestamp`, else the time of the first receipt |
/// | source | the property `app_id` |
/// | version | 1 |
fn complete(fields: EventFields<'_>, message: &Arc<Message>, origin: &Origin) -> AnyEvent {
    let properties = &message.properties;
    let given_id = fields
        .id
        .map(Cow::into_owned)
        .or_else(|| non_empty(properties.message_id()));
    let source = fields.source.map(Cow::into_owned);
    let source = source.or_else(|| non_empty(properties.app_id()));
    let id_is_derived = given_id.is_none();
    let id = given_id.unwrap_or_else(|| {
        let (exchange, key) = (&origin.exchange, &origin.routing_key);
        derived_event_id(
            exchange,
            key,
            &fields.event_type,
            source.as_deref(),
            &message.body,
        )
        .to_string()
    });
    let correlation_id = fields.correlation_id.map(Cow::into_owned);
    let metadata = Metadata {
        correlation_id: correlation_id
            .or_else(|| non_empty(properties.correlation_id()))
            .unwrap_or_else(|| id.clone()),
        id,
        event_type: fields.event_type.into_owned(),
        version: fields.version.unwrap_or(1),
        timestamp: fields
            .timestamp
            .or_else(|| properties.timestamp().and_then(time_by_magnitude))
            .unwrap_or(origin.first_received_at),
        aggregate_id: fields.aggregate_id.map(Cow::into_owned).unwrap_or_default(),
        causation_id: fields.causation_id.map(Cow::into_owned),
        source,
        id_is_derived,
    };
    AnyEvent::new(
        Arc::new(metadata),
        Arc::clone(&origin.routing_key),
        Arc::clone(message),
        fields.data.get(),
    )
}

fn non_empty(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}
