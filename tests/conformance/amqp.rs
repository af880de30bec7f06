//! Converts properties and headers to and from lapin's types. The runtime's own conversion is under test, so the suite
//! does not use it.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, DecimalValue, FieldTable, ShortString};
use tidings::{HeaderValue, Headers, Properties};

/// The AMQP delivery mode of a message that survives a restart of the broker.
const PERSISTENT: u8 = 2;

type With = fn(BasicProperties, ShortString) -> BasicProperties;

pub(crate) fn to_amqp(properties: &Properties, headers: &Headers) -> BasicProperties {
    let mut to = BasicProperties::default();
    if properties.persistent {
        to = to.with_delivery_mode(PERSISTENT);
    }
    if let Some(priority) = properties.priority {
        to = to.with_priority(priority);
    }
    if let Some(timestamp) = properties.timestamp {
        to = to.with_timestamp(timestamp);
    }
    let texts: [(_, With); 9] = [
        (&properties.content_type, BasicProperties::with_content_type),
        (
            &properties.content_encoding,
            BasicProperties::with_content_encoding,
        ),
        (&properties.correlation_id, BasicProperties::with_correlation_id),
        (&properties.reply_to, BasicProperties::with_reply_to),
        (&properties.expiration, BasicProperties::with_expiration),
        (&properties.message_id, BasicProperties::with_message_id),
        (&properties.kind, BasicProperties::with_type),
        (&properties.user_id, BasicProperties::with_user_id),
        (&properties.app_id, BasicProperties::with_app_id),
    ];
    for (text, with) in texts {
        if let Some(text) = text {
            to = with(to, text.as_str().into());
        }
    }
    to.with_headers(to_table(headers))
}

pub(crate) fn from_amqp(properties: &BasicProperties) -> (Properties, Headers) {
    let text = |text: &Option<ShortString>| text.as_ref().map(|text| text.as_str().to_owned());
    let headers = properties.headers().as_ref().map(from_table).unwrap_or_default();
    let properties = Properties {
        content_type: text(properties.content_type()),
        content_encoding: text(properties.content_encoding()),
        persistent: *properties.delivery_mode() == Some(PERSISTENT),
        priority: *properties.priority(),
        correlation_id: text(properties.correlation_id()),
        reply_to: text(properties.reply_to()),
        expiration: text(properties.expiration()),
        message_id: text(properties.message_id()),
        timestamp: *properties.timestamp(),
        kind: text(properties.kind()),
        user_id: text(properties.user_id()),
        app_id: text(properties.app_id()),
    };
    (properties, headers)
}

fn to_table(headers: &Headers) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in headers.iter() {
        table.insert(name.into(), to_value(value));
    }
    table
}

fn from_table(table: &FieldTable) -> Headers {
    let entries = table.inner().iter();
    entries
        .map(|(name, value)| (name.as_str(), from_value(value)))
        .collect()
}

/// Defines both conversions of the types whose value is the same on both sides.
macro_rules! plain_values {
    ($($ours:ident = $amqp:ident),*) => {
        fn plain_to_amqp(value: &HeaderValue) -> Option<AMQPValue> {
            match value {
                $(HeaderValue::$ours(plain) => Some(AMQPValue::$amqp(*plain)),)*
                _ => None,
            }
        }

        fn plain_from_amqp(value: &AMQPValue) -> Option<HeaderValue> {
            match value {
                $(AMQPValue::$amqp(plain) => Some(HeaderValue::$ours(*plain)),)*
                _ => None,
            }
        }
    };
}

plain_values! {
    Bool = Boolean, I8 = ShortShortInt, U8 = ShortShortUInt, I16 = ShortInt, U16 = ShortUInt, I32 = LongInt,
    U32 = LongUInt, I64 = LongLongInt, F32 = Float, F64 = Double, Timestamp = Timestamp
}

fn to_value(value: &HeaderValue) -> AMQPValue {
    if let Some(plain) = plain_to_amqp(value) {
        return plain;
    }
    match value {
        HeaderValue::Decimal { scale, value } => AMQPValue::DecimalValue(DecimalValue {
            scale: *scale,
            value: *value,
        }),
        HeaderValue::Text(text) => AMQPValue::LongString(text.as_str().into()),
        HeaderValue::RawText(bytes) => AMQPValue::LongString(bytes.clone().into()),
        HeaderValue::Bytes(bytes) => AMQPValue::ByteArray(bytes.clone().into()),
        HeaderValue::List(all) => AMQPValue::FieldArray(all.iter().map(to_value).collect::<Vec<_>>().into()),
        HeaderValue::Table(table) => AMQPValue::FieldTable(to_table(table)),
        HeaderValue::Void => AMQPValue::Void,
        other => panic!("AMQP has no type for {other:?}"),
    }
}

fn from_value(value: &AMQPValue) -> HeaderValue {
    if let Some(plain) = plain_from_amqp(value) {
        return plain;
    }
    match value {
        AMQPValue::DecimalValue(decimal) => HeaderValue::Decimal {
            scale: decimal.scale,
            value: decimal.value,
        },
        AMQPValue::ShortString(text) => HeaderValue::Text(text.as_str().to_owned()),
        AMQPValue::LongString(text) => match std::str::from_utf8(text.as_bytes()) {
            Ok(text) => HeaderValue::Text(text.to_owned()),
            Err(_) => HeaderValue::RawText(text.as_bytes().to_vec()),
        },
        AMQPValue::FieldArray(all) => HeaderValue::List(all.as_slice().iter().map(from_value).collect()),
        AMQPValue::FieldTable(table) => HeaderValue::Table(from_table(table)),
        AMQPValue::ByteArray(bytes) => HeaderValue::Bytes(bytes.as_slice().to_vec()),
        AMQPValue::Void => HeaderValue::Void,
        other => panic!("no header value for {other:?}"),
    }
}
