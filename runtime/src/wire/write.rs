//! Writing: from an event to the message that carries it.

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

/// What the moment of publishing adds to an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutgoingMetadata<'a> {
    pub(crate) id: &'a str,
    pub(crate) timestamp: Timestamp,
    /// The event's own id, when it is the first of its kind.
    pub(crate) correlation_id: &'a str,
    pub(crate) causation_id: Option<&'a str>,
    /// The service.
    pub(crate) source: Option<&'a str>,
}

/// About what an envelope takes beside its data, so that the body is seldom moved.
const METADATA_BYTES: usize = 384;

/// Writes the envelope of an event.
///
/// # Errors
/// When it is over a limit.
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
    // The data is JSON already, and becomes the last member.
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

/// Writes an event as a message to `exchange`: envelope, properties, and `headers` with the trace.
///
/// # Errors
/// When it is over a limit, or `headers` holds one that is not the user's to set.
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
        headers: with_trace(allowed(headers)?, trace, limits)?,
        body: body.into(),
    })
}

fn properties(prepared: &Prepared, metadata: &OutgoingMetadata<'_>) -> CompactProperties {
    BorrowedProperties {
        content_type: Some("application/json"),
        persistent: true,
        message_id: short(metadata.id),
        correlation_id: short(metadata.correlation_id),
        timestamp: u64::try_from(metadata.timestamp.as_millis().div_euclid(1000)).ok(),
        kind: short(&prepared.event_type),
        app_id: metadata.source.and_then(short),
        ..BorrowedProperties::default()
    }
    .into()
}

/// The most bytes of a property or a header's name: AMQP writes their length as one byte.
const SHORT_BYTES: usize = 255;

/// The text when it fits into a property. One that does not is in the envelope all the same: an id of another service,
/// which may be any text, must not make what follows from its event unpublishable.
fn short(text: &str) -> Option<&str> {
    (text.len() <= SHORT_BYTES).then_some(text)
}

fn allowed(headers: Headers) -> Result<Headers, Unpublishable> {
    for (name, _) in headers.iter() {
        if is_reserved(name) {
            return Err(Unpublishable::ReservedHeader {
                name: name.to_owned(),
            });
        }
        if name.is_empty() || name.len() > SHORT_BYTES {
            return Err(Unpublishable::HeaderName {
                name: name.to_owned(),
            });
        }
    }
    Ok(headers)
}

/// Whether a header is not the user's to set: the runtime's own, the trace's, what the broker acts on (a `CC` of a wrong
/// type closes the channel, one of the right type delivers past the routing key) or writes itself, and what would make
/// readers take the envelope for the data of a CloudEvent.
fn is_reserved(name: &str) -> bool {
    names::is_ours(name)
        || names::is_brokers(name)
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
