//! Makes headers and properties of every type from the fuzzer's bytes.

use arbitrary::{Arbitrary, Result, Unstructured};
use tidings::__fuzz::{ADDRESSES, Raw};
use tidings::{HeaderValue, Headers, Properties};

/// The header names that have a meaning for the runtime or a broker.
const NAMES: [&str; 22] = [
    "ce-specversion",
    "ce-id",
    "ce-type",
    "ce-source",
    "ce-time",
    "ce-dataschema",
    "cloudEvents_type",
    "cloudEvents:source",
    "tidings-attempt",
    "tidings-original-exchange",
    "tidings-original-routing-key",
    "tidings-original-cc",
    "tidings-error",
    "tidings-first-received-at",
    "tidings-dropped-headers",
    "traceparent",
    "tracestate",
    "CC",
    "BCC",
    "x-death",
    "x-delivery-count",
    "x-first-death-queue",
];

/// The exchange and the routing key of a message: one of `ADDRESSES`, or any two texts.
pub fn address(bytes: &mut Unstructured<'_>) -> Result<(String, String)> {
    if bytes.ratio(1, 5)? {
        return Ok((text(bytes)?, text(bytes)?));
    }
    let (exchange, routing_key) = *bytes.choose(&ADDRESSES)?;
    Ok((exchange.to_owned(), routing_key.to_owned()))
}

/// A header table, nested at most three levels deep.
pub fn headers(bytes: &mut Unstructured<'_>) -> Result<Headers> {
    table(bytes, 3)
}

fn table(bytes: &mut Unstructured<'_>, depth: u8) -> Result<Headers> {
    let mut headers = Headers::new();
    for _ in 0..bytes.int_in_range(0..=8)? {
        let name = if bytes.ratio(3, 4)? {
            (*bytes.choose(&NAMES)?).to_owned()
        } else {
            text(bytes)?
        };
        headers.set(name, value(bytes, depth)?);
    }
    Ok(headers)
}

fn value(bytes: &mut Unstructured<'_>, depth: u8) -> Result<HeaderValue> {
    Ok(match bytes.int_in_range(0..=if depth > 0 { 17 } else { 15 })? {
        0 => HeaderValue::Bool(bytes.arbitrary()?),
        1 => HeaderValue::I8(bytes.arbitrary()?),
        2 => HeaderValue::U8(bytes.arbitrary()?),
        3 => HeaderValue::I16(bytes.arbitrary()?),
        4 => HeaderValue::U16(bytes.arbitrary()?),
        5 => HeaderValue::I32(bytes.arbitrary()?),
        6 => HeaderValue::U32(bytes.arbitrary()?),
        7 => HeaderValue::I64(bytes.arbitrary()?),
        8 => HeaderValue::F32(bytes.arbitrary()?),
        9 => HeaderValue::F64(bytes.arbitrary()?),
        10 => HeaderValue::Decimal {
            scale: bytes.arbitrary()?,
            value: bytes.arbitrary()?,
        },
        11 => HeaderValue::Text(text(bytes)?),
        12 => HeaderValue::RawText(bytes.arbitrary()?),
        13 => HeaderValue::Bytes(bytes.arbitrary()?),
        14 => HeaderValue::Timestamp(bytes.arbitrary()?),
        15 => HeaderValue::Void,
        16 => {
            let count = bytes.int_in_range(0..=4)?;
            let values: Result<_> = (0..count).map(|_| value(bytes, depth - 1)).collect();
            HeaderValue::List(values?)
        }
        _ => HeaderValue::Table(table(bytes, depth - 1)?),
    })
}

/// The properties that the runtime reads or republishes.
pub fn properties(bytes: &mut Unstructured<'_>) -> Result<Properties> {
    let mut properties = Properties::default();
    properties.content_type = if bytes.ratio(1, 2)? {
        let known = [
            "application/json",
            "application/cloudevents+json",
            "application/cloudevents-batch+json",
            "Application/CloudEvents; charset=utf-8",
        ];
        Some((*bytes.choose(&known)?).to_owned())
    } else {
        bytes.arbitrary()?
    };
    properties.kind = bytes.arbitrary()?;
    properties.message_id = bytes.arbitrary()?;
    properties.correlation_id = bytes.arbitrary()?;
    properties.timestamp = bytes.arbitrary()?;
    properties.priority = bytes.arbitrary()?;
    properties.expiration = bytes.arbitrary()?;
    properties.user_id = bytes.arbitrary()?;
    properties.reply_to = bytes.arbitrary()?;
    Ok(properties)
}

fn text(bytes: &mut Unstructured<'_>) -> Result<String> {
    String::arbitrary(bytes)
}

/// A message with this body, as a publisher sends it.
pub fn published(body: &[u8], content_type: Option<&str>, headers: Headers) -> Raw {
    let (exchange, routing_key) = ADDRESSES[0];
    let mut properties = Properties::default();
    properties.content_type = content_type.map(str::to_owned);
    Raw {
        address: (exchange.to_owned(), routing_key.to_owned()),
        properties,
        headers,
        body: body.to_owned(),
    }
}
