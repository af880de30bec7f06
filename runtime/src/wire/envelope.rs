//! Reading the envelope: one JSON object with camelCase names, as NestJS services write it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::body::Body;
use super::event_fields::EventFields;
use super::malformed::{Malformed, MalformedKind};
use super::object::{MemberName, Object, Scalar};

/// The members that are read. NestJS's own transport writes the type as `pattern`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum EnvelopeMember {
    Id,
    Type,
    Pattern,
    Timestamp,
    AggregateId,
    CorrelationId,
    CausationId,
    Version,
    Source,
    Data,
    #[serde(other)]
    Other,
}

impl MemberName for EnvelopeMember {
    fn slot(&self) -> Option<usize> {
        match self {
            Self::Other => None,
            known => Some(*known as usize),
        }
    }
}

// {"id":"…","type":"order.created","timestamp":"…","aggregateId":"…","correlationId":"…","version":1,"data":{…}}
// {"type":"order.created","data":{…}}
// {"pattern":"order.created","data":{…}}
// {"orderId":"o-1"}                         only the data; the type comes from the property or the routing key
pub(crate) fn read<'a>(body: &Body<'a>, outer_type: Option<&'a str>) -> Result<EventFields<'a>, Malformed> {
    match read_fast(body) {
        Some(fields) => Ok(fields),
        None => read_any(body, outer_type),
    }
}

/// Reads a [`PlainEnvelope`]. Returns `None` for every other body.
pub(super) fn read_fast<'a>(body: &Body<'a>) -> Option<EventFields<'a>> {
    body.parse().and_then(PlainEnvelope::into_fields)
}

/// Reads any envelope. The error says what is wrong with it.
pub(super) fn read_any<'a>(
    body: &Body<'a>,
    outer_type: Option<&'a str>,
) -> Result<EventFields<'a>, Malformed> {
    let members: Object<'a, EnvelopeMember> = body.object()?;
    let Some(data) = members.raw(&EnvelopeMember::Data) else {
        return read_bare_data(body, &members, outer_type);
    };
    let event_type = inner_type(&members)?
        .or(outer_type.map(Cow::Borrowed))
        .ok_or(NO_TYPE)?;
    EventFields::new(event_type, Cow::Borrowed(data)).fill_with(|fields| fill(fields, &members))
}

/// An envelope that names its type and whose strings have no escapes. Almost all envelopes are like this, and reading
/// one takes half the time of [`read_any`].
#[derive(Debug, Default)]
struct PlainEnvelope<'a> {
    id: Option<&'a str>,
    event_type: Option<&'a str>,
    timestamp: Option<&'a str>,
    aggregate_id: Option<&'a str>,
    correlation_id: Option<&'a str>,
    causation_id: Option<&'a str>,
    version: Option<u32>,
    source: Option<&'a str>,
    data: Option<&'a RawValue>,
}

impl<'a> PlainEnvelope<'a> {
    fn into_fields(self) -> Option<EventFields<'a>> {
        let non_empty = |text: Option<&'a str>| text.filter(|text| !text.is_empty());
        let borrowed = |text: Option<&'a str>| non_empty(text).map(Cow::Borrowed);
        let timestamp = match non_empty(self.timestamp) {
            Some(at) => Some(at.parse().ok()?),
            None => None,
        };
        Some(EventFields {
            event_type: borrowed(self.event_type)?,
            id: borrowed(self.id),
            version: self.version,
            timestamp,
            aggregate_id: borrowed(self.aggregate_id),
            correlation_id: borrowed(self.correlation_id),
            causation_id: borrowed(self.causation_id),
            source: borrowed(self.source),
            data: Cow::Borrowed(self.data?),
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for PlainEnvelope<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PlainVisitor;

        impl<'de> Visitor<'de> for PlainVisitor {
            type Value = PlainEnvelope<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a plain envelope")
            }

            // When a name occurs twice, the later value counts.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut plain = PlainEnvelope::default();
                while let Some(key) = map.next_key()? {
                    match key {
                        EnvelopeMember::Id => plain.id = map.next_value()?,
                        EnvelopeMember::Type => plain.event_type = map.next_value()?,
                        EnvelopeMember::Timestamp => plain.timestamp = map.next_value()?,
                        EnvelopeMember::AggregateId => plain.aggregate_id = map.next_value()?,
                        EnvelopeMember::CorrelationId => plain.correlation_id = map.next_value()?,
                        EnvelopeMember::CausationId => plain.causation_id = map.next_value()?,
                        EnvelopeMember::Version => plain.version = map.next_value()?,
                        EnvelopeMember::Source => plain.source = map.next_value()?,
                        // `next_value::<Option<_>>` would turn `null` into `None`, but `null` is valid data.
                        EnvelopeMember::Data => plain.data = Some(map.next_value()?),
                        EnvelopeMember::Pattern | EnvelopeMember::Other => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(plain)
            }
        }

        deserializer.deserialize_map(PlainVisitor)
    }
}

const NO_TYPE: MalformedKind = MalformedKind::Missing {
    field: "type",
    remedy: "write it into the body, the AMQP property `type` or the routing key",
};

const NO_DATA: MalformedKind = MalformedKind::Missing {
    field: "data",
    remedy: "an event with a `type` in its body has its content in `data`",
};

/// The event type in the body: `type`, else NestJS's `pattern` unless that is an object.
fn inner_type<'a>(members: &Object<'a, EnvelopeMember>) -> Result<Option<Cow<'a, str>>, MalformedKind> {
    let named = match members.scalar(&EnvelopeMember::Type) {
        Some(event_type) => event_type.into_text("type")?,
        None => None,
    };
    Ok(named.or_else(|| pattern(members)))
}

fn pattern<'a>(members: &Object<'a, EnvelopeMember>) -> Option<Cow<'a, str>> {
    match members.scalar(&EnvelopeMember::Pattern)? {
        Scalar::Text(pattern) if !pattern.is_empty() => Some(pattern),
        _ => None,
    }
}

/// Reads an object without `data` as the data itself. An object with a `type` is an envelope that lacks its data.
fn read_bare_data<'a>(
    body: &Body<'a>,
    members: &Object<'a, EnvelopeMember>,
    outer_type: Option<&'a str>,
) -> Result<EventFields<'a>, Malformed> {
    if let Some(Scalar::Text(event_type)) = members.scalar(&EnvelopeMember::Type)
        && !event_type.is_empty()
    {
        return Err(Malformed::from(NO_DATA).with_type_hint(Some(&event_type)));
    }
    let event_type = outer_type.ok_or(NO_TYPE)?;
    Ok(EventFields::new(
        Cow::Borrowed(event_type),
        Cow::Borrowed(body.raw()?),
    ))
}

fn fill<'a>(fields: &mut EventFields<'a>, members: &Object<'a, EnvelopeMember>) -> Result<(), MalformedKind> {
    let id = |key: EnvelopeMember, field: &'static str| match members.scalar(&key) {
        Some(id) => id.into_id(field),
        None => Ok(None),
    };
    fields.id = id(EnvelopeMember::Id, "id")?;
    fields.aggregate_id = id(EnvelopeMember::AggregateId, "aggregateId")?;
    fields.correlation_id = id(EnvelopeMember::CorrelationId, "correlationId")?;
    fields.causation_id = id(EnvelopeMember::CausationId, "causationId")?;
    fields.source = id(EnvelopeMember::Source, "source")?;
    if let Some(at) = members.scalar(&EnvelopeMember::Timestamp) {
        fields.timestamp = at.into_timestamp("timestamp")?;
    }
    if let Some(version) = members.scalar(&EnvelopeMember::Version) {
        fields.version = version.into_version("version")?;
    }
    Ok(())
}
