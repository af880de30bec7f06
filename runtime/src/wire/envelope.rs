//! The envelope: one camelCase JSON object, as a NestJS service of this style writes and reads it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::body::Body;
use super::malformed::{Malformed, MalformedKind};
use super::object::{Name, Object, Scalar};
use super::read::Found;

/// The keys that are read. `pattern` is the type in what Nest's own transport writes.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Key {
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

impl Name for Key {
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
// {"orderId":"o-1"}                         the data alone, when its type comes from elsewhere
pub(crate) fn read<'a>(body: &Body<'a>, outer_type: Option<&'a str>) -> Result<Found<'a>, Malformed> {
    match read_plainly(body) {
        Some(found) => Ok(found),
        None => read_thoroughly(body, outer_type),
    }
}

/// A plain envelope; nothing where it is none.
pub(super) fn read_plainly<'a>(body: &Body<'a>) -> Option<Found<'a>> {
    body.plain().and_then(Plain::found)
}

/// Any envelope, and what is wrong with one.
pub(super) fn read_thoroughly<'a>(
    body: &Body<'a>,
    outer_type: Option<&'a str>,
) -> Result<Found<'a>, Malformed> {
    let members: Object<'a, Key> = body.object()?;
    let Some(data) = members.raw(&Key::Data) else {
        return bare(body, &members, outer_type);
    };
    let event_type = inner_type(&members)?
        .or(outer_type.map(Cow::Borrowed))
        .ok_or(NO_TYPE)?;
    Found::new(event_type, Cow::Borrowed(data)).filled(|found| fill(found, &members))
}

/// An envelope as nearly all are: it names its type, and what should be a text is one, without escapes. It is read in
/// half the time, and whatever else there may be is left to the thorough way, which also says what is wrong.
#[derive(Debug, Default)]
struct Plain<'a> {
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

impl<'a> Plain<'a> {
    fn found(self) -> Option<Found<'a>> {
        // An empty text counts as absent.
        let text = |text: Option<&'a str>| text.filter(|text| !text.is_empty());
        let owned = |it: Option<&'a str>| text(it).map(Cow::Borrowed);
        let timestamp = match text(self.timestamp) {
            Some(at) => Some(at.parse().ok()?),
            None => None,
        };
        Some(Found {
            event_type: owned(self.event_type)?,
            id: owned(self.id),
            version: self.version,
            timestamp,
            aggregate_id: owned(self.aggregate_id),
            correlation_id: owned(self.correlation_id),
            causation_id: owned(self.causation_id),
            source: owned(self.source),
            data: Cow::Borrowed(self.data?),
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Plain<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Plain<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a plain envelope")
            }

            // Of a name that stands twice the later one counts.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut plain = Plain::default();
                while let Some(key) = map.next_key()? {
                    match key {
                        Key::Id => plain.id = map.next_value()?,
                        Key::Type => plain.event_type = map.next_value()?,
                        Key::Timestamp => plain.timestamp = map.next_value()?,
                        Key::AggregateId => plain.aggregate_id = map.next_value()?,
                        Key::CorrelationId => plain.correlation_id = map.next_value()?,
                        Key::CausationId => plain.causation_id = map.next_value()?,
                        Key::Version => plain.version = map.next_value()?,
                        Key::Source => plain.source = map.next_value()?,
                        // Not by way of `Option`: `null` is data.
                        Key::Data => plain.data = Some(map.next_value()?),
                        Key::Pattern | Key::Other => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(plain)
            }
        }

        deserializer.deserialize_map(Members)
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

/// What the body says of its type: `type`, else Nest's `pattern`, which may also be an object and is then no type.
fn inner_type<'a>(members: &Object<'a, Key>) -> Result<Option<Cow<'a, str>>, MalformedKind> {
    let named = match members.scalar(&Key::Type) {
        Some(event_type) => event_type.into_text("type")?,
        None => None,
    };
    Ok(named.or_else(|| pattern(members)))
}

fn pattern<'a>(members: &Object<'a, Key>) -> Option<Cow<'a, str>> {
    match members.scalar(&Key::Pattern)? {
        Scalar::Text(pattern) if !pattern.is_empty() => Some(pattern),
        _ => None,
    }
}

/// An object without `data`: the data itself, unless it names its own type and so is an envelope that lacks it.
fn bare<'a>(
    body: &Body<'a>,
    members: &Object<'a, Key>,
    outer_type: Option<&'a str>,
) -> Result<Found<'a>, Malformed> {
    if let Some(Scalar::Text(event_type)) = members.scalar(&Key::Type)
        && !event_type.is_empty()
    {
        return Err(Malformed::from(NO_DATA).or_hint(Some(&event_type)));
    }
    let event_type = outer_type.ok_or(NO_TYPE)?;
    Ok(Found::new(
        Cow::Borrowed(event_type),
        Cow::Borrowed(body.whole()?),
    ))
}

fn fill<'a>(found: &mut Found<'a>, members: &Object<'a, Key>) -> Result<(), MalformedKind> {
    let id = |key: Key, field: &'static str| match members.scalar(&key) {
        Some(id) => id.into_id(field),
        None => Ok(None),
    };
    found.id = id(Key::Id, "id")?;
    found.aggregate_id = id(Key::AggregateId, "aggregateId")?;
    found.correlation_id = id(Key::CorrelationId, "correlationId")?;
    found.causation_id = id(Key::CausationId, "causationId")?;
    found.source = id(Key::Source, "source")?;
    if let Some(at) = members.scalar(&Key::Timestamp) {
        found.timestamp = at.into_timestamp("timestamp")?;
    }
    if let Some(version) = members.scalar(&Key::Version) {
        found.version = version.into_version("version")?;
    }
    Ok(())
}
