//! Properties and headers as the client library writes and reads them, apart from the runtime's own translation.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, DecimalValue, FieldTable, ShortString};
use tidings::{HeaderValue, Headers, Properties};

/// What makes a message outlive its broker's restart.
const PERSISTENT: u8 = 2;

/// Sets one of the properties that are texts.
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

fn to_table(headers: &Headers) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in headers.iter() {
        table.insert(name.into(), to_value(value));
    }
    table
}

fn to_value(value: &HeaderValue) -> AMQPValue {
    match value {
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
        HeaderValue::List(all) => AMQPValue::FieldArray(all.iter().map(to_value).collect::<Vec<_>>().into()),
        HeaderValue::Table(table) => AMQPValue::FieldTable(to_table(table)),
        HeaderValue::Void => AMQPValue::Void,
        other => panic!("AMQP knows no {other:?}"),
    }
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

fn from_table(table: &FieldTable) -> Headers {
    let entries = table.inner().iter();
    entries
        .map(|(name, value)| (name.as_str(), from_value(value)))
        .collect()
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
