//! CloudEvents 1.0.2 (<https://github.com/cloudevents/spec>), which are read in every form they arrive in.
//!
//! AMQP 0-9-1 has no binding of its own, so the attributes of the binary form are looked for under each prefix that is
//! in use: `cloudEvents_` (the broker hands it to AMQP 1.0 clients), `cloudEvents:` (the AMQP 1.0 binding) and `ce-`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::base64;
use super::body::Body;
use super::limits::Limits;
use super::malformed::{Malformed, MalformedKind};
use super::object::{Name, Object, Scalar};
use super::read::Found;
use crate::message::Message;
use crate::message::headers::{HeaderValue, Headers};
use crate::message::timestamp::Timestamp;

const MEDIA_TYPE: &str = "application/cloudevents";
const PREFIXES: [&str; 3] = ["cloudEvents_", "cloudEvents:", "ce-"];
const SPECVERSION: &str = "specversion";

/// How a message carries its event.
#[derive(Debug)]
pub(crate) enum Form<'a> {
    /// Not as a CloudEvent: by its body alone.
    Envelope,
    /// As a CloudEvent that is one JSON object.
    Structured,
    /// As a CloudEvent whose attributes are headers and whose data is the body.
    Binary(Attributes<'a>),
}

impl<'a> Form<'a> {
    pub(crate) fn of(message: &'a Message) -> Result<Self, MalformedKind> {
        if let Some(content_type) = message.properties.content_type()
            && let Some(rest) = strip_prefix_ignoring_case(content_type.trim_start(), MEDIA_TYPE)
        {
            return Self::of_media_type(content_type, rest);
        }
        Ok(Attributes::of(&message.headers).map_or(Self::Envelope, Self::Binary))
    }

    // application/cloudevents
    // application/cloudevents+json; charset=utf-8
    fn of_media_type(content_type: &str, rest: &str) -> Result<Self, MalformedKind> {
        let format = rest
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        match format.as_str() {
            "" | "+json" => Ok(Self::Structured),
            _ if format.starts_with("-batch") => Err(MalformedKind::Batch),
            _ => Err(MalformedKind::CloudEventFormat {
                content_type: content_type.to_owned(),
            }),
        }
    }

    /// The type as far as it is known without the body.
    pub(crate) fn type_hint(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Binary(attributes) => attributes.get("type"),
            Self::Envelope | Self::Structured => None,
        }
    }
}

/// The attributes of a binary event: headers by their names without the prefix, in lower case.
#[derive(Debug)]
pub(crate) struct Attributes<'a>(Vec<(String, Cow<'a, str>)>);

impl<'a> Attributes<'a> {
    /// `None` when there is no `specversion` among the headers: by it a binary event is known, and a stray `ce-` header
    /// does not make one.
    fn of(headers: &'a Headers) -> Option<Self> {
        headers.iter().find(|(name, _)| is_specversion(name))?;
        let all = headers
            .iter()
            .filter_map(|(name, value)| Some((attribute(name)?.to_ascii_lowercase(), text(value)?)));
        Some(Self(all.collect()))
    }

    /// The attribute; an empty one counts as absent, as does one of a type that is no text.
    fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut named = self.0.iter().filter(|(known, _)| known == name);
        named
            .find(|(_, value)| !value.is_empty())
            .map(|(_, value)| value.clone())
    }
}

/// Whether a header with this name would make a reader take the message for a binary CloudEvent.
pub(crate) fn is_specversion(header: &str) -> bool {
    attribute(header).is_some_and(|name| name.eq_ignore_ascii_case(SPECVERSION))
}

fn attribute(header: &str) -> Option<&str> {
    PREFIXES
        .iter()
        .find_map(|prefix| strip_prefix_ignoring_case(header, prefix))
}

fn strip_prefix_ignoring_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let start = text.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// The text of a header, whatever type its client chose for it.
fn text(value: &HeaderValue) -> Option<Cow<'_, str>> {
    Some(match value {
        HeaderValue::Text(text) => Cow::Borrowed(text),
        HeaderValue::RawText(bytes) | HeaderValue::Bytes(bytes) => {
            Cow::Borrowed(std::str::from_utf8(bytes).ok()?)
        }
        HeaderValue::Bool(value) => Cow::Owned(value.to_string()),
        HeaderValue::F32(number) => Cow::Owned(number.to_string()),
        HeaderValue::F64(number) => Cow::Owned(number.to_string()),
        HeaderValue::Timestamp(at) => Cow::Owned(super::object::time_by_magnitude(*at)?.to_string()),
        HeaderValue::Decimal { .. } | HeaderValue::List(_) | HeaderValue::Table(_) | HeaderValue::Void => {
            return None;
        }
        integer => Cow::Owned(integer.as_i64()?.to_string()),
    })
}

/// The members of a structured event that are read.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Id,
    Source,
    SpecVersion,
    Type,
    Subject,
    Time,
    CorrelationId,
    CausationId,
    DataSchema,
    Version,
    Data,
    #[serde(rename = "data_base64")]
    DataBase64,
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

/// Reads an event that is one JSON object.
pub(crate) fn read_structured<'a>(body: &Body<'a>, limits: &Limits) -> Result<Found<'a>, Malformed> {
    let members: Object<'a, Key> = body.object()?;
    let attribute = |key: Key, name: &'static str| match members.scalar(&key) {
        Some(scalar) => scalar.into_id(name),
        None => Ok(None),
    };
    let event_type = required(attribute(Key::Type, "type")?, "type")?;
    let data = structured_data(&members, limits)
        .map_err(|fault| Malformed::from(fault).or_hint(Some(&event_type)))?;
    Found::new(event_type, data).filled(|found| {
        is_read(&required(attribute(Key::SpecVersion, SPECVERSION)?, SPECVERSION)?)?;
        found.id = Some(required(attribute(Key::Id, "id")?, "id")?);
        found.source = Some(required(attribute(Key::Source, "source")?, "source")?);
        found.aggregate_id = attribute(Key::Subject, "subject")?;
        found.timestamp = time(attribute(Key::Time, "time")?)?;
        found.correlation_id = attribute(Key::CorrelationId, "correlationid")?;
        found.causation_id = attribute(Key::CausationId, "causationid")?;
        // Another's extension of this name need not be a version of ours, so no form of it is a fault.
        let extension = attribute(Key::Version, "version").unwrap_or_default();
        let schema = attribute(Key::DataSchema, "dataschema")?;
        found.version = version(extension.as_deref(), schema.as_deref());
        Ok(())
    })
}

/// Reads an event whose attributes are headers; the body is its data, of any JSON kind, and none is `null`.
pub(crate) fn read_binary<'a>(attributes: &Attributes<'a>, body: &Body<'a>) -> Result<Found<'a>, Malformed> {
    let event_type = required(attributes.get("type"), "type")?;
    let data = if body.is_empty() {
        RawValue::NULL
    } else {
        body.whole()
            .map_err(|fault| Malformed::from(fault).or_hint(Some(&event_type)))?
    };
    Found::new(event_type, Cow::Borrowed(data)).filled(|found| {
        is_read(&required(attributes.get(SPECVERSION), SPECVERSION)?)?;
        found.id = Some(required(attributes.get("id"), "id")?);
        found.source = Some(required(attributes.get("source"), "source")?);
        found.aggregate_id = attributes.get("subject");
        found.timestamp = time(attributes.get("time"))?;
        found.correlation_id = attributes.get("correlationid");
        found.causation_id = attributes.get("causationid");
        found.version = version(
            attributes.get("version").as_deref(),
            attributes.get("dataschema").as_deref(),
        );
        Ok(())
    })
}

fn required<'a>(attribute: Option<Cow<'a, str>>, field: &'static str) -> Result<Cow<'a, str>, MalformedKind> {
    attribute.ok_or(MalformedKind::Missing {
        field,
        remedy: "every CloudEvent has `id`, `source`, `specversion` and `type`",
    })
}

/// 1.0 and what may follow it compatibly; 0.3 had other attributes.
fn is_read(specversion: &str) -> Result<(), MalformedKind> {
    match specversion {
        "1" => Ok(()),
        found if found.starts_with("1.") => Ok(()),
        found => Err(MalformedKind::field(SPECVERSION, found, "1.0")),
    }
}

/// The time: RFC 3339, or the number that the library for Python makes of it for AMQP.
fn time(text: Option<Cow<'_, str>>) -> Result<Option<Timestamp>, MalformedKind> {
    text.map_or(Ok(None), |text| {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let time = if is_number {
            Scalar::Number(&text)
        } else {
            Scalar::Text(text)
        };
        time.into_timestamp("time")
    })
}

/// The event's data; CloudEvents may have none, which is `null`.
fn structured_data<'a>(
    members: &Object<'a, Key>,
    limits: &Limits,
) -> Result<Cow<'a, RawValue>, MalformedKind> {
    let encoded = match members.scalar(&Key::DataBase64) {
        Some(scalar) => scalar.into_text("data_base64")?,
        None => None,
    };
    match (members.raw(&Key::Data), encoded) {
        (Some(_), Some(_)) => Err(MalformedKind::DataTwice),
        (Some(data), None) => Ok(Cow::Borrowed(data)),
        (None, None) => Ok(Cow::Borrowed(RawValue::NULL)),
        (None, Some(encoded)) => decode(&encoded, limits).map(Cow::Owned),
    }
}

fn decode(encoded: &str, limits: &Limits) -> Result<Box<RawValue>, MalformedKind> {
    const FIELD: &str = "data_base64";
    let text = base64::decode(encoded)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| MalformedKind::field(FIELD, encoded, "JSON as base64"))?;
    // The bytes that hold it stand one level down, in the event's own object.
    if let Some(at) = limits.too_deep_at(text.as_bytes()) {
        let limit = limits.max_depth;
        return Err(MalformedKind::TooDeep { at, limit });
    }
    serde_json::from_str(&text).map_err(|error| MalformedKind::not_json("`data_base64`", &text, 0, error))
}

/// The version of our own counting: an extension `version` that is a whole number, else what the last segment of the
/// `dataschema` says, else nothing, which is 1.
fn version(extension: Option<&str>, dataschema: Option<&str>) -> Option<u32> {
    extension
        .and_then(|version| version.parse().ok())
        .or_else(|| dataschema.and_then(schema_version))
}

// https://schemas.example/order.created/v2
// https://schemas.example/order.created.v2.json
// urn:example:order.created:v2
//
// Only in the last segment: in https://api.example/v1/schemas/order.created.json the v1 is the API's.
fn schema_version(dataschema: &str) -> Option<u32> {
    let path = dataschema.split(['?', '#']).next()?;
    path.rsplit('/')
        .next()?
        .split(|c: char| !c.is_ascii_alphanumeric())
        .rev()
        .find_map(|word| {
            let digits = word.strip_prefix('v')?;
            digits.parse().ok()
        })
}
