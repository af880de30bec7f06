//! Generates messages with their expected outcome, which the generator decides without the runtime.

use fastrand::Rng;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, DecimalValue, FieldArray, FieldTable};

use super::task::Task;

/// The largest body that the runtime reads.
const LIMIT: usize = 1024 * 1024;

/// A message for the routing key `fault.task_requested`.
#[derive(Debug)]
pub(super) struct Message {
    /// [`Task::Note`] for a valid event, [`Task::Malformed`] for a malformed one.
    pub(super) task: Task,
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
}

pub(super) fn message(number: u64, random: &mut Rng) -> Message {
    let (task, body) = match random.u8(..20) {
        0..7 => (Task::Note, valid_body(number)),
        kind => (Task::Malformed, malformed_body(kind, number, random)),
    };
    let mut headers = FieldTable::default();
    let mut properties = BasicProperties::default()
        .with_message_id(id(number).as_str().into())
        .with_delivery_mode(random.u8(1..3));
    match random.u8(..10) {
        0 => headers = every_type(random, 0),
        1 => fill(&mut headers, random),
        2 => forge(&mut headers),
        3 => {
            let nobody = FieldArray::from(vec![text("fault.nobody")]);
            headers.insert("CC".into(), AMQPValue::FieldArray(nobody));
            let nobody = FieldArray::from(vec![text("fault.no-one")]);
            headers.insert("BCC".into(), AMQPValue::FieldArray(nobody));
        }
        4 => properties = properties.with_expiration("600000".into()),
        5 => properties = properties.with_user_id("guest".into()),
        6 => {
            properties = properties
                .with_priority(random.u8(..))
                .with_reply_to("nowhere".into())
                .with_timestamp(random.u64(..))
                .with_app_id("someone".into())
                .with_content_type("text/plain".into())
                .with_correlation_id("c".into());
        }
        _ => {}
    }
    Message {
        task,
        properties: properties.with_headers(headers),
        body,
    }
}

/// The id of the message with this number.
pub(super) fn id(number: u64) -> String {
    format!("generated-{number}")
}

/// The number of the message with this id.
pub(super) fn number_of(id: &str) -> Option<u64> {
    id.strip_prefix("generated-")?.parse().ok()
}

fn valid_body(number: u64) -> Vec<u8> {
    envelope(&format!(r#"{{"number":{number},"aggregate":"a","task":"Note"}}"#))
}

fn envelope(data: &str) -> Vec<u8> {
    format!(r#"{{"type":"fault.task_requested","version":1,"data":{data},"unknown":[1,{{"a":null}}]}}"#)
        .into_bytes()
}

fn malformed_body(kind: u8, number: u64, random: &mut Rng) -> Vec<u8> {
    match kind {
        // Random bytes. No JSON text starts with the first byte.
        7 => {
            let mut bytes: Vec<u8> = (0..random.usize(..400)).map(|_| random.u8(..)).collect();
            bytes.insert(0, random.u8(0x80..));
            bytes
        }
        // A truncated object.
        8 | 9 => {
            let mut body = valid_body(number);
            body.truncate(random.usize(1..body.len()));
            body
        }
        10 => envelope(&format!(
            r#"{{"number":"{number}","aggregate":"a","task":"Note"}}"#
        )),
        11 => envelope(&format!(r#"{{"number":{number},"task":"Note"}}"#)),
        12 => envelope(&format!(r#"[{number},"a","Note"]"#).repeat(random.usize(2..4))),
        13 => envelope(&format!(
            r#"{{"number":{number},"aggregate":"a","task":{{"Dance":1}}}}"#
        )),
        // Deep nesting, up to a depth that would overflow the stack of a recursive parser.
        14 => {
            let depth = [129, 1_000, 100_000][random.usize(..3)];
            let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            envelope(&format!(
                r#"{{"number":{number},"aggregate":{nested},"task":"Note"}}"#
            ))
        }
        15 => {
            let huge = [
                "1e400",
                "18446744073709551616",
                "-1",
                "1.5",
                "9e999999999999999999",
            ];
            let huge = huge[random.usize(..huge.len())];
            envelope(&format!(r#"{{"number":{huge},"aggregate":"a","task":"Note"}}"#))
        }
        16 => {
            let mut body = valid_body(number);
            let at = body.iter().position(|&byte| byte == b'a').unwrap_or(0);
            body.splice(at..=at, [0xC3, 0x28]);
            body
        }
        17 => Vec::new(),
        18 if random.u8(..50) == 0 => {
            let long = "x".repeat(LIMIT);
            envelope(&format!(
                r#"{{"number":{number},"aggregate":"{long}","task":"Note"}}"#
            ))
        }
        18 => b"null".to_vec(),
        _ => [&b"\"text\""[..], b"42", b"[]", b"true", b"{}}", b"\0"][random.usize(..6)].to_vec(),
    }
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// A table with a value of every type and nested tables.
fn every_type(random: &mut Rng, depth: u8) -> FieldTable {
    let mut table = FieldTable::default();
    let decimal = DecimalValue {
        scale: random.u8(..),
        value: random.u32(..),
    };
    let mut values = vec![
        AMQPValue::Boolean(random.bool()),
        AMQPValue::ShortShortInt(random.i8(..)),
        AMQPValue::ShortShortUInt(random.u8(..)),
        AMQPValue::ShortInt(random.i16(..)),
        AMQPValue::ShortUInt(random.u16(..)),
        AMQPValue::LongInt(random.i32(..)),
        AMQPValue::LongUInt(random.u32(..)),
        AMQPValue::LongLongInt(random.i64(..)),
        AMQPValue::Float(random.f32()),
        AMQPValue::Double(random.f64()),
        AMQPValue::DecimalValue(decimal),
        text("ü\u{0}"),
        AMQPValue::Timestamp(random.u64(..)),
        AMQPValue::ByteArray(vec![0, 0xFF, 0xC3].into()),
        AMQPValue::Void,
    ];
    if depth < 8 {
        values.push(AMQPValue::FieldTable(every_type(random, depth + 1)));
        values.push(AMQPValue::FieldArray(FieldArray::from(vec![
            AMQPValue::Void,
            AMQPValue::FieldTable(every_type(random, 8)),
        ])));
    }
    for (at, value) in values.into_iter().enumerate() {
        table.insert(format!("target-{at}").as_str().into(), value);
    }
    table
}

/// Adds about 64 kB of headers.
fn fill(table: &mut FieldTable, random: &mut Rng) {
    for at in 0..64 {
        let value: String = std::iter::repeat_with(|| random.alphanumeric())
            .take(1_000)
            .collect();
        table.insert(format!("filler-{at}").as_str().into(), text(&value));
    }
}

/// Adds headers that only the runtime and the broker may set.
fn forge(table: &mut FieldTable) {
    for name in ["tidings-attempt", "tidings-attempts", "x-delivery-count"] {
        table.insert(name.into(), AMQPValue::LongInt(99));
    }
    for (name, value) in [
        ("tidings-original-exchange", "elsewhere"),
        ("tidings-original-routing-key", "fault.forged"),
        ("tidings-dead-letter-reason", "rejected"),
        ("tidings-first-received-at", "never"),
        ("Tidings-Attempt", "8"),
        ("x-death", "none"),
        ("traceparent", "00-0-0-00"),
    ] {
        table.insert(name.into(), text(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_valid_event_exactly_when_its_task_says_so() {
        #[derive(serde::Deserialize)]
        struct Envelope {
            // The test reads this field, because serde does not check the UTF-8 of skipped fields.
            #[serde(rename = "type")]
            event_type: String,
            data: super::super::task::TaskRequested,
        }
        let mut random = Rng::with_seed(7);
        for number in 0..3_000 {
            let message = message(number, &mut random);
            // serde_json limits the depth to 128 levels, like the runtime.
            let read = serde_json::from_slice::<Envelope>(&message.body);
            let is_event = message.body.len() <= LIMIT
                && read.is_ok_and(|envelope| {
                    envelope.event_type == "fault.task_requested" && envelope.data.number == number
                });
            assert_eq!(is_event, message.task == Task::Note, "{message:?}");
        }
    }
}
