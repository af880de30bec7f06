//! Reading CloudEvents 1.0.2 (<https://github.com/cloudevents/spec>) in every form.
//!
//! The specification has no binding for AMQP 0-9-1. So the reader accepts the attributes of binary mode under each
//! prefix in use: `cloudEvents_` (for AMQP 1.0 clients of the broker), `cloudEvents:` (the AMQP 1.0 binding) and `ce-`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::base64;
use super::body::Body;
use super::event_fields::EventFields;
use super::limits::Limits;
use super::malformed::{Malformed, MalformedKind};
use super::object::{MemberName, Object, Scalar, time_by_magnitude};
use crate::message::Message;
use crate::message::headers::{HeaderValue, Headers};
use crate::message::timestamp::Timestamp;

const MEDIA_TYPE: &str = "application/cloudevents";
const PREFIXES: [&str; 3] = ["cloudEvents_", "cloudEvents:", "ce-"];
const SPECVERSION: &str = "specversion";

/// The content mode of a message, as CloudEvents define it.
#[derive(Debug)]
pub(crate) enum ContentMode<'a> {
    /// Not a CloudEvent.
    Envelope,
    /// A CloudEvent that is one JSON object.
    Structured,
    /// A CloudEvent whose attributes are headers and whose data is the body.
    Binary(Attributes<'a>),
}

impl<'a> ContentMode<'a> {
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

    /// The event type, when it is known without the body.
    pub(crate) fn type_hint(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Binary(attributes) => attributes.get("type"),
            Self::Envelope | Self::Structured => None,
        }
    }
}

/// The attributes of an event in binary mode: names in lower case without the prefix, and their values.
#[derive(Debug)]
pub(crate) struct Attributes<'a>(Vec<(String, Cow<'a, str>)>);

impl<'a> Attributes<'a> {
    /// `None` without a header `specversion`, which identifies binary mode. Another `ce-` header alone does not.
    fn of(headers: &'a Headers) -> Option<Self> {
        headers.iter().find(|(name, _)| is_specversion(name))?;
        let all = headers
            .iter()
            .filter_map(|(name, value)| Some((attribute_name(name)?.to_ascii_lowercase(), text(value)?)));
        Some(Self(all.collect()))
    }

    /// The value of an attribute. An empty value counts as absent.
    fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut named = self.0.iter().filter(|(known, _)| known == name);
        named
            .find(|(_, value)| !value.is_empty())
            .map(|(_, value)| value.clone())
    }
}

/// The id, the source and the type of a CloudEvent that has them in headers.
pub(crate) fn header_identity(message: &Message) -> [Option<Cow<'_, str>>; 3] {
    let attributes = Attributes::of(&message.headers);
    ["id", "source", "type"].map(|name| attributes.as_ref()?.get(name))
}

/// Whether a header with this name makes the message a CloudEvent in binary mode.
pub(crate) fn is_specversion(header: &str) -> bool {
    attribute_name(header).is_some_and(|name| name.eq_ignore_ascii_case(SPECVERSION))
}

fn attribute_name(header: &str) -> Option<&str> {
    PREFIXES
        .iter()
        .find_map(|prefix| strip_prefix_ignoring_case(header, prefix))
}

fn strip_prefix_ignoring_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let start = text.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// A header value as text. Clients choose different AMQP types for the same attribute.
fn text(value: &HeaderValue) -> Option<Cow<'_, str>> {
    Some(match value {
        HeaderValue::Text(text) => Cow::Borrowed(text),
        HeaderValue::RawText(bytes) | HeaderValue::Bytes(bytes) => {
            Cow::Borrowed(std::str::from_utf8(bytes).ok()?)
        }
        HeaderValue::Bool(value) => Cow::Owned(value.to_string()),
        HeaderValue::F32(number) => Cow::Owned(number.to_string()),
        HeaderValue::F64(number) => Cow::Owned(number.to_string()),
        HeaderValue::Timestamp(at) => Cow::Owned(time_by_magnitude(*at)?.to_string()),
        HeaderValue::Decimal { .. } | HeaderValue::List(_) | HeaderValue::Table(_) | HeaderValue::Void => {
            return None;
        }
        integer => Cow::Owned(integer.as_i64()?.to_string()),
    })
}

/// The members that are read from an event in structured mode.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum CloudEventMember {
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

impl MemberName for CloudEventMember {
    fn slot(&self) -> Option<usize> {
        match self {
            Self::Other => None,
            known => Some(*known as usize),
        }
    }
}

/// Reads an event in structured mode.
pub(crate) fn read_structured<'a>(body: &Body<'a>, limits: &Limits) -> Result<EventFields<'a>, Malformed> {
    let members: Object<'a, CloudEventMember> = body.object()?;
    let attribute = |key: CloudEventMember, name: &'static str| match members.scalar(&key) {
        Some(scalar) => scalar.into_id(name),
        None => Ok(None),
    };
    let event_type = required(attribute(CloudEventMember::Type, "type")?, "type")?;
    let data = structured_data(&members, limits)
        .map_err(|fault| Malformed::from(fault).with_type_hint(Some(&event_type)))?;
    EventFields::new(event_type, data).fill_with(|fields| {
        check_specversion(&required(
            attribute(CloudEventMember::SpecVersion, SPECVERSION)?,
            SPECVERSION,
        )?)?;
        fields.id = Some(required(attribute(CloudEventMember::Id, "id")?, "id")?);
        fields.source = Some(required(
            attribute(CloudEventMember::Source, "source")?,
            "source",
        )?);
        fields.aggregate_id = attribute(CloudEventMember::Subject, "subject")?;
        fields.timestamp = time(attribute(CloudEventMember::Time, "time")?)?;
        fields.correlation_id = attribute(CloudEventMember::CorrelationId, "correlationid")?;
        fields.causation_id = attribute(CloudEventMember::CausationId, "causationid")?;
        // Other producers use an extension `version` with another meaning, so no value of it is an error.
        let extension = attribute(CloudEventMember::Version, "version").unwrap_or_default();
        let schema = attribute(CloudEventMember::DataSchema, "dataschema")?;
        fields.version = version(extension.as_deref(), schema.as_deref());
        Ok(())
    })
}

/// Reads an event in binary mode. The body is its data, any JSON value; an empty body means `null`.
pub(crate) fn read_binary<'a>(
    attributes: &Attributes<'a>,
    body: &Body<'a>,
) -> Result<EventFields<'a>, Malformed> {
    let event_type = required(attributes.get("type"), "type")?;
    let data = if body.is_blank() {
        RawValue::NULL
    } else {
        body.raw()
            .map_err(|fault| Malformed::from(fault).with_type_hint(Some(&event_type)))?
    };
    EventFields::new(event_type, Cow::Borrowed(data)).fill_with(|fields| {
        check_specversion(&required(attributes.get(SPECVERSION), SPECVERSION)?)?;
        fields.id = Some(required(attributes.get("id"), "id")?);
        fields.source = Some(required(attributes.get("source"), "source")?);
        fields.aggregate_id = attributes.get("subject");
        fields.timestamp = time(attributes.get("time"))?;
        fields.correlation_id = attributes.get("correlationid");
        fields.causation_id = attributes.get("causationid");
        fields.version = version(
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

/// Accepts 1.0 and its compatible successors. Version 0.3 had other attributes.
fn check_specversion(specversion: &str) -> Result<(), MalformedKind> {
    match specversion {
        "1" => Ok(()),
        found if found.starts_with("1.") => Ok(()),
        found => Err(MalformedKind::field(SPECVERSION, found, "1.0")),
    }
}

/// Parses a time: RFC 3339, or the number that the Python library writes for AMQP.
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

/// The data of the event, `null` when it has none.
fn structured_data<'a>(
    members: &Object<'a, CloudEventMember>,
    limits: &Limits,
) -> Result<Cow<'a, RawValue>, MalformedKind> {
    let encoded = match members.scalar(&CloudEventMember::DataBase64) {
        Some(scalar) => scalar.into_text("data_base64")?,
        None => None,
    };
    match (members.raw(&CloudEventMember::Data), encoded) {
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
    // `Body::of` did not count these brackets.
    if let Some(at) = limits.too_deep_at(text.as_bytes()) {
        let limit = limits.max_depth;
        return Err(MalformedKind::TooDeep { at, limit });
    }
    serde_json::from_str(&text).map_err(|error| MalformedKind::not_json("`data_base64`", &text, 0, error))
}

/// The version of the event: an extension `version` that is a whole number, else that of the last `dataschema` segment.
fn version(extension: Option<&str>, dataschema: Option<&str>) -> Option<u32> {
    extension
        .and_then(|version| version.parse().ok())
        .or_else(|| dataschema.and_then(schema_version))
}

// https://schemas.example/order.created/v2
// https://schemas.example/order.created.v2.json
// urn:example:order.created:v2
//
// Only the last segment counts: in https://api.example/v1/schemas/order.created.json, v1 is the version of the API.
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
