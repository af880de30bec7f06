//! Converts messages between lapin's types and ours.

use std::sync::Arc;

use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, DecimalValue, FieldTable, ShortString};

use super::error::RabbitError;
use super::last_address::LastAddress;
use crate::broker::Incoming;
use crate::message::headers::{HeaderValue, Headers};
use crate::message::properties::BorrowedProperties;
use crate::message::{Content, Message};

/// The header with the number of a mandatory publish. The number identifies the publish when the broker returns the
/// message. The event id cannot identify it, because one event can be published twice. Handlers do not see the header,
/// and a republish does not copy it.
pub(super) const PUBLISH_NUMBER: &str = "tidings-publish";

const PERSISTENT: u8 = 2;

/// Why a message cannot be written as AMQP frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TooLong(String);

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Converts a text of up to 255 bytes. lapin's own conversion panics on a longer text.
pub(super) fn short(what: &str, text: &str) -> Result<ShortString, TooLong> {
    ShortString::try_new(text).map_err(|_| TooLong(format!("its {what} is longer than 255 bytes")))
}

/// Converts the name of a queue or an exchange, a binding pattern or a consumer tag.
pub(super) fn name(text: &str) -> Result<ShortString, RabbitError> {
    short("name", text).map_err(|too_long| RabbitError::new(too_long.to_string()))
}

/// Converts the properties and headers of `message`. A mandatory publish has a `number`.
///
/// # Errors
/// When a text is too long, or the headers do not fit into a frame of `frame_max` bytes. The bus checks both earlier.
/// This check protects the connection, which the broker closes after such a frame.
pub(super) fn to_amqp(
    message: &Message,
    number: Option<u64>,
    frame_max: u32,
) -> Result<BasicProperties, TooLong> {
    // The frame's own bytes, the fixed part of a content header, and up to 255 bytes for each property.
    const REST: usize = 8 + 14 + 13 * 256;
    if message.headers.wire_size() + REST > usize::try_from(frame_max).unwrap_or(usize::MAX) {
        return Err(TooLong("its headers do not fit into a frame".to_owned()));
    }
    let from = &message.properties;
    let mut to = BasicProperties::default();
    let text = |what: &str, text: Option<&str>| text.map(|text| short(what, text)).transpose();
    if let Some(content_type) = text("content type", from.content_type())? {
        to = to.with_content_type(content_type);
    }
    if let Some(encoding) = text("content encoding", from.content_encoding())? {
        to = to.with_content_encoding(encoding);
    }
    if from.persistent() {
        to = to.with_delivery_mode(PERSISTENT);
    }
    if let Some(priority) = from.priority() {
        to = to.with_priority(priority);
    }
    if let Some(id) = text("correlation id", from.correlation_id())? {
        to = to.with_correlation_id(id);
    }
    if let Some(reply_to) = text("reply-to", from.reply_to())? {
        to = to.with_reply_to(reply_to);
    }
    if let Some(expiration) = text("expiration", from.expiration())? {
        to = to.with_expiration(expiration);
    }
    if let Some(id) = text("message id", from.message_id())? {
        to = to.with_message_id(id);
    }
    if let Some(timestamp) = from.timestamp() {
        to = to.with_timestamp(timestamp);
    }
    if let Some(kind) = text("type", from.kind())? {
        to = to.with_type(kind);
    }
    if let Some(user) = text("user id", from.user_id())? {
        to = to.with_user_id(user);
    }
    if let Some(app) = text("app id", from.app_id())? {
        to = to.with_app_id(app);
    }
    if number.is_some() || !message.headers.is_empty() {
        let mut table = to_table(&message.headers)?;
        if let Some(number) = number {
            let number = AMQPValue::LongLongInt(number.cast_signed());
            table.insert(PUBLISH_NUMBER.into(), number);
        }
        to = to.with_headers(table);
    }
    Ok(to)
}

/// The number of a publish that the broker returned.
pub(super) fn publish_number(properties: &BasicProperties) -> Option<u64> {
    let headers = properties.headers().as_ref()?;
    let number = headers.inner().get(PUBLISH_NUMBER)?.as_long_long_int()?;
    Some(number.cast_unsigned())
}

pub(super) fn incoming(delivery: Delivery, last_address: &mut LastAddress) -> Incoming {
    let Delivery {
        delivery_tag,
        exchange,
        routing_key,
        redelivered,
        properties,
        data,
        ..
    } = delivery;
    let exchange = last_address.exchange(exchange.as_str());
    let routing_key = last_address.routing_key(routing_key.as_str());
    let message = from_amqp(exchange, routing_key, &properties, data);
    Incoming {
        tag: delivery_tag,
        // On the first delivery, only the publisher can have set the header.
        delivery_count: if redelivered {
            delivery_count(&message.headers)
        } else {
            0
        },
        message: Arc::new(message),
        redelivered,
    }
}

pub(super) fn from_amqp(
    exchange: Arc<str>,
    routing_key: Arc<str>,
    properties: &BasicProperties,
    body: Vec<u8>,
) -> Message {
    fn text(text: Option<&ShortString>) -> Option<&str> {
        text.map(ShortString::as_str)
    }
    Message {
        exchange,
        routing_key,
        headers: properties.headers().as_ref().map(from_table).unwrap_or_default(),
        properties: BorrowedProperties {
            content_type: text(properties.content_type().as_ref()),
            content_encoding: text(properties.content_encoding().as_ref()),
            persistent: *properties.delivery_mode() == Some(PERSISTENT),
            priority: *properties.priority(),
            correlation_id: text(properties.correlation_id().as_ref()),
            reply_to: text(properties.reply_to().as_ref()),
            expiration: text(properties.expiration().as_ref()),
            message_id: text(properties.message_id().as_ref()),
            timestamp: *properties.timestamp(),
            kind: text(properties.kind().as_ref()),
            user_id: text(properties.user_id().as_ref()),
            app_id: text(properties.app_id().as_ref()),
        }
        .into(),
        body: Content::received(body),
    }
}

/// How often the message returned to its queue. Broker versions use different integer types.
///
/// RabbitMQ 4.3 leaves the publisher's own `x-delivery-count` until the first return that it counts. It always writes
/// `x-acquired-count`, and never counts more returns than acquisitions, so a higher count is the publisher's. Earlier
/// versions always write `x-delivery-count`.
fn delivery_count(headers: &Headers) -> u32 {
    let number = |name| headers.get(name).and_then(HeaderValue::as_i64);
    let returns = number("x-delivery-count").unwrap_or(0);
    match number("x-acquired-count") {
        Some(acquired) if returns > acquired => 0,
        _ => u32::try_from(returns.max(0)).unwrap_or(u32::MAX),
    }
}

fn to_table(headers: &Headers) -> Result<FieldTable, TooLong> {
    let mut table = FieldTable::default();
    for (name, value) in headers.iter() {
        table.insert(short("header's name", name)?, to_value(value)?);
    }
    Ok(table)
}

fn from_table(table: &FieldTable) -> Headers {
    // lapin's table is sorted by name and has each name once.
    let entries = table
        .inner()
        .iter()
        .filter(|(name, _)| name.as_str() != PUBLISH_NUMBER);
    Headers::of_unique(
        entries
            .map(|(name, value)| (name.as_str().to_owned(), from_value(value)))
            .collect(),
    )
}

fn to_value(value: &HeaderValue) -> Result<AMQPValue, TooLong> {
    Ok(match value {
        HeaderValue::Bool(it) => AMQPValue::Boolean(*it),
        HeaderValue::I8(it) => AMQPValue::ShortShortInt(*it),
        HeaderValue::U8(it) => AMQPValue::ShortShortUInt(*it),
        HeaderValue::I16(it) => AMQPValue::ShortInt(*it),
        HeaderValue::U16(it) => AMQPValue::ShortUInt(*it),
        HeaderValue::I32(it) => AMQPValue::LongInt(*it),
        HeaderValue::U32(it) => AMQPValue::LongUInt(*it),
        HeaderValue::I64(it) => AMQPValue::LongLongInt(*it),
        HeaderValue::F32(it) => AMQPValue::Float(*it),
        HeaderValue::F64(it) => AMQPValue::Double(*it),
        HeaderValue::Decimal { scale, value } => AMQPValue::DecimalValue(DecimalValue {
            scale: *scale,
            value: *value,
        }),
        HeaderValue::Text(it) => AMQPValue::LongString(it.as_str().into()),
        HeaderValue::RawText(it) => AMQPValue::LongString(it.clone().into()),
        HeaderValue::Bytes(it) => AMQPValue::ByteArray(it.clone().into()),
        HeaderValue::Timestamp(it) => AMQPValue::Timestamp(*it),
        HeaderValue::List(all) => {
            let all: Result<Vec<_>, _> = all.iter().map(to_value).collect();
            AMQPValue::FieldArray(all?.into())
        }
        HeaderValue::Table(table) => AMQPValue::FieldTable(to_table(table)?),
        HeaderValue::Void => AMQPValue::Void,
    })
}

fn from_value(value: &AMQPValue) -> HeaderValue {
    match value {
        AMQPValue::Boolean(it) => HeaderValue::Bool(*it),
        AMQPValue::ShortShortInt(it) => HeaderValue::I8(*it),
        AMQPValue::ShortShortUInt(it) => HeaderValue::U8(*it),
        AMQPValue::ShortInt(it) => HeaderValue::I16(*it),
        AMQPValue::ShortUInt(it) => HeaderValue::U16(*it),
        AMQPValue::LongInt(it) => HeaderValue::I32(*it),
        AMQPValue::LongUInt(it) => HeaderValue::U32(*it),
        AMQPValue::LongLongInt(it) => HeaderValue::I64(*it),
        AMQPValue::Float(it) => HeaderValue::F32(*it),
        AMQPValue::Double(it) => HeaderValue::F64(*it),
        AMQPValue::DecimalValue(it) => HeaderValue::Decimal {
            scale: it.scale,
            value: it.value,
        },
        AMQPValue::ShortString(it) => HeaderValue::Text(it.as_str().to_owned()),
        AMQPValue::LongString(it) => match std::str::from_utf8(it.as_bytes()) {
            Ok(text) => HeaderValue::Text(text.to_owned()),
            Err(_) => HeaderValue::RawText(it.as_bytes().to_vec()),
        },
        AMQPValue::FieldArray(all) => HeaderValue::List(all.as_slice().iter().map(from_value).collect()),
        AMQPValue::Timestamp(it) => HeaderValue::Timestamp(*it),
        AMQPValue::FieldTable(table) => HeaderValue::Table(from_table(table)),
        AMQPValue::ByteArray(it) => HeaderValue::Bytes(it.as_slice().to_vec()),
        AMQPValue::Void => HeaderValue::Void,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::properties::{CompactProperties, Properties};

    fn any_value() -> impl Strategy<Value = HeaderValue> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(HeaderValue::Bool),
            any::<i8>().prop_map(HeaderValue::I8),
            any::<u8>().prop_map(HeaderValue::U8),
            any::<i16>().prop_map(HeaderValue::I16),
            any::<u16>().prop_map(HeaderValue::U16),
            any::<i32>().prop_map(HeaderValue::I32),
            any::<u32>().prop_map(HeaderValue::U32),
            any::<i64>().prop_map(HeaderValue::I64),
            (-1e30_f32..1e30).prop_map(HeaderValue::F32),
            (-1e300_f64..1e300).prop_map(HeaderValue::F64),
            (any::<u8>(), any::<u32>()).prop_map(|(scale, value)| HeaderValue::Decimal { scale, value }),
            ".{0,20}".prop_map(HeaderValue::Text),
            Just(HeaderValue::RawText(vec![0xff, 0xfe, b'a'])),
            proptest::collection::vec(any::<u8>(), 0..20).prop_map(HeaderValue::Bytes),
            any::<u64>().prop_map(HeaderValue::Timestamp),
            Just(HeaderValue::Void),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(HeaderValue::List),
                any_headers(inner).prop_map(HeaderValue::Table),
            ]
        })
    }

    // The names are sorted, as in lapin's table.
    fn any_headers(value: impl Strategy<Value = HeaderValue>) -> impl Strategy<Value = Headers> {
        proptest::collection::btree_map("[a-z-]{1,12}", value, 0..5)
            .prop_map(|map| map.into_iter().collect::<Headers>())
    }

    proptest! {
        #[test]
        fn every_header_type_survives_the_conversion(headers in any_headers(any_value())) {
            prop_assert_eq!(from_table(&to_table(&headers).unwrap()), headers);
        }
    }

    #[test]
    fn every_property_survives_the_conversion() {
        let message = Message {
            exchange: "e".into(),
            routing_key: "k".into(),
            properties: BorrowedProperties {
                content_type: Some("a"),
                content_encoding: Some("b"),
                persistent: true,
                priority: Some(3),
                correlation_id: Some("c"),
                reply_to: Some("d"),
                expiration: Some("5"),
                message_id: Some("f"),
                timestamp: Some(7),
                kind: Some("g"),
                user_id: Some("h"),
                app_id: Some("i"),
            }
            .into(),
            headers: [("x", HeaderValue::U16(1))].into_iter().collect(),
            body: vec![1].into(),
        };
        let properties = to_amqp(&message, Some(u64::MAX), 131_072).unwrap();
        assert_eq!(publish_number(&properties), Some(u64::MAX));
        let back = from_amqp("e".into(), "k".into(), &properties, vec![1]);
        assert_eq!(back, message, "the publish number is removed");
    }

    #[test]
    fn a_message_that_does_not_fit_into_a_frame_is_refused() {
        let long = |properties| Message {
            properties: CompactProperties::from(properties),
            ..Message::default()
        };
        let message = long(Properties {
            message_id: Some("x".repeat(256)),
            ..Properties::default()
        });
        assert!(to_amqp(&message, None, 131_072).is_err());
        let mut message = Message::default();
        message.headers.set("large", "x".repeat(131_072));
        assert!(to_amqp(&message, None, 131_072).is_err());
        let mut message = Message::default();
        message.headers.set("x".repeat(256), "a");
        assert!(to_amqp(&message, None, 131_072).is_err());
    }

    #[test]
    fn a_delivery_count_is_read_from_any_integer() {
        for value in [
            HeaderValue::U8(3),
            HeaderValue::I32(3),
            HeaderValue::I64(3),
            HeaderValue::U16(3),
        ] {
            assert_eq!(
                delivery_count(&[("x-delivery-count", value)].into_iter().collect()),
                3
            );
        }
        let headers = [("x-delivery-count", HeaderValue::I64(-1))].into_iter().collect();
        assert_eq!(delivery_count(&headers), 0);
        assert_eq!(delivery_count(&Headers::new()), 0);
    }

    #[test]
    fn a_delivery_count_above_the_count_of_acquisitions_is_the_publishers() {
        for (returns, acquired, counted) in [(1_000, 1, 0), (3, 3, 3), (3, 5, 3)] {
            let headers = [("x-delivery-count", returns), ("x-acquired-count", acquired)];
            let headers = headers.map(|(name, count)| (name, HeaderValue::I64(count)));
            assert_eq!(delivery_count(&headers.into_iter().collect()), counted);
        }
    }
}
