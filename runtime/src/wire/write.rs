//! Writing: from an event to its message.

use std::sync::Arc;

use super::cloudevents;
use super::head::EnvelopeHead;
use super::limits::Limits;
use super::names;
use crate::context::trace::{TRACEPARENT, TRACESTATE, TraceContext};
use crate::event::payload::{Prepared, Unpublishable};
use crate::message::Message;
use crate::message::headers::Headers;
use crate::message::properties::{BorrowedProperties, CompactProperties};
use crate::message::timestamp::Timestamp;

/// The metadata that is known only at the time of publishing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutgoingMetadata<'a> {
    pub(crate) id: &'a str,
    pub(crate) timestamp: Timestamp,
    /// The id of the event itself when no other event or request caused it.
    pub(crate) correlation_id: &'a str,
    pub(crate) causation_id: Option<&'a str>,
    /// The name of the service.
    pub(crate) source: Option<&'a str>,
}

/// The usual size of an envelope without its data, so that the buffer rarely has to grow.
const METADATA_BYTES: usize = 384;

/// Writes the envelope of an event.
pub(crate) fn write(
    prepared: &Prepared,
    metadata: &OutgoingMetadata<'_>,
    limits: &Limits,
) -> Result<Vec<u8>, Unpublishable> {
    let head = EnvelopeHead {
        id: metadata.id,
        event_type: &prepared.event_type,
        timestamp: metadata.timestamp,
        aggregate_id: &prepared.aggregate_id,
        correlation_id: metadata.correlation_id,
        causation_id: metadata.causation_id,
        version: prepared.version,
        source: metadata.source,
    };
    let mut body = Vec::with_capacity(prepared.data.len() + METADATA_BYTES);
    head.write(&mut body).map_err(Unpublishable::Serialize)?;
    // The data is already JSON.
    body.extend_from_slice(&prepared.data);
    body.push(b'}');
    let (bytes, limit) = (body.len(), limits.max_body_bytes);
    if bytes > limit {
        return Err(Unpublishable::TooLarge { bytes, limit });
    }
    if limits.too_deep_at(&body).is_some() {
        let limit = limits.max_depth;
        return Err(Unpublishable::TooDeep { limit });
    }
    Ok(body)
}

/// Writes an event as a message to `exchange`, with envelope, properties, `headers` and trace.
pub(crate) fn message(
    prepared: &Prepared,
    metadata: &OutgoingMetadata<'_>,
    exchange: impl Into<Arc<str>>,
    headers: Headers,
    trace: Option<&TraceContext>,
    limits: &Limits,
) -> Result<Message, Unpublishable> {
    let body = write(prepared, metadata, limits)?;
    Ok(Message {
        exchange: exchange.into(),
        routing_key: prepared.routing_key.as_ref().into(),
        properties: properties(prepared, metadata),
        headers: with_trace(check_names(headers)?, trace, limits)?,
        body: body.into(),
    })
}

fn properties(prepared: &Prepared, metadata: &OutgoingMetadata<'_>) -> CompactProperties {
    BorrowedProperties {
        content_type: Some("application/json"),
        persistent: true,
        message_id: short_string(metadata.id),
        correlation_id: short_string(metadata.correlation_id),
        timestamp: u64::try_from(metadata.timestamp.as_millis().div_euclid(1000)).ok(),
        kind: short_string(&prepared.event_type),
        app_id: metadata.source.and_then(short_string),
        ..BorrowedProperties::default()
    }
    .into()
}

/// The limit of a property and of a header's name: AMQP 0-9-1 stores their length in one byte.
const SHORT_STRING_BYTES: usize = 255;

/// The text, when it fits into a property. Longer texts are only in the envelope: a correlation id of another service
/// can have any length, and must not make an event unpublishable.
fn short_string(text: &str) -> Option<&str> {
    (text.len() <= SHORT_STRING_BYTES).then_some(text)
}

fn check_names(headers: Headers) -> Result<Headers, Unpublishable> {
    for (name, _) in headers.iter() {
        if is_reserved(name) {
            return Err(Unpublishable::ReservedHeader {
                name: name.to_owned(),
            });
        }
        if name.is_empty() || name.len() > SHORT_STRING_BYTES {
            return Err(Unpublishable::HeaderName {
                name: name.to_owned(),
            });
        }
    }
    Ok(headers)
}

/// Whether users must not set a header with this name. The headers of tidings and of the trace are reserved, and those
/// that RabbitMQ acts on or writes: for example, `CC` adds routing keys. A header `specversion` would make readers
/// treat the envelope as the data of a CloudEvent.
fn is_reserved(name: &str) -> bool {
    names::is_tidings_header(name)
        || names::is_broker_header(name)
        || [TRACEPARENT, TRACESTATE]
            .into_iter()
            .any(|trace| name.eq_ignore_ascii_case(trace))
        || cloudevents::is_specversion(name)
}

fn with_trace(
    mut headers: Headers,
    trace: Option<&TraceContext>,
    limits: &Limits,
) -> Result<Headers, Unpublishable> {
    if let Some(trace) = trace {
        headers.set(TRACEPARENT, trace.traceparent());
        if let Some(state) = trace.tracestate() {
            headers.set(TRACESTATE, state);
        }
    }
    let (bytes, limit) = (headers.wire_size(), limits.max_header_bytes);
    if bytes > limit {
        return Err(Unpublishable::HeadersTooLarge { bytes, limit });
    }
    Ok(headers)
}
