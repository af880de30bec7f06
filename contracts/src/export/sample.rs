//! Makes a value that fits a schema, for examples and for introspection.

use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::{Map, Value, json};

/// Returns a text, number, boolean or null that fits `schema`. A text without a format is `hint`.
pub(crate) fn scalar(schema: &Map<String, Value>, hint: &str) -> Value {
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    if let Some(value) = first(schema, "enum").or_else(|| first(schema, "examples")) {
        return value.clone();
    }
    match kind(schema) {
        Some("string") => Value::String(text(schema, hint)),
        Some("integer") => integer(schema),
        Some("number") => number(schema),
        Some("boolean") => Value::Bool(true),
        _ => Value::Null,
    }
}

/// Returns the first `type` of a schema other than null.
pub(crate) fn kind(schema: &Map<String, Value>) -> Option<&str> {
    match schema.get("type")? {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => {
            let mut kinds = kinds.iter().filter_map(Value::as_str);
            let first = kinds.next();
            if first == Some("null") {
                kinds.next().or(first)
            } else {
                first
            }
        }
        _ => None,
    }
}

fn first<'a>(schema: &'a Map<String, Value>, keyword: &str) -> Option<&'a Value> {
    schema.get(keyword)?.as_array()?.first()
}

fn integer(schema: &Map<String, Value>) -> Value {
    let bound = |keyword| schema.get(keyword).and_then(Value::as_f64);
    let least = bound("minimum")
        .or(bound("exclusiveMinimum").map(|it| it + 1.0))
        .unwrap_or(f64::MIN);
    let most = bound("maximum")
        .or(bound("exclusiveMaximum").map(|it| it - 1.0))
        .unwrap_or(f64::MAX);
    let step = bound("multipleOf").unwrap_or(1.0);
    let value = (1.0_f64.clamp(least, most.max(least)) / step).ceil() * step;
    #[allow(clippy::cast_possible_truncation)] // If the result does not fit, the type refuses it.
    let value = value as i64;
    json!(value)
}

fn number(schema: &Map<String, Value>) -> Value {
    let bound = |keyword| schema.get(keyword).and_then(Value::as_f64);
    let least = bound("minimum").or(bound("exclusiveMinimum")).unwrap_or(f64::MIN);
    let most = bound("maximum").or(bound("exclusiveMaximum")).unwrap_or(f64::MAX);
    json!(1.5_f64.clamp(least, most.max(least)))
}

fn text(schema: &Map<String, Value>, hint: &str) -> String {
    if let Some(text) = schema.get("format").and_then(Value::as_str).and_then(of_format) {
        return text.to_owned();
    }
    if let Some(text) = schema.get("pattern").and_then(Value::as_str).and_then(of_pattern) {
        return text;
    }
    let length = |keyword| {
        let length = schema.get(keyword).and_then(Value::as_u64)?;
        usize::try_from(length).ok()
    };
    let mut text: String = hint
        .chars()
        .take(length("maxLength").unwrap_or(usize::MAX))
        .collect();
    while text.chars().count() < length("minLength").unwrap_or(0) {
        text.push('a');
    }
    text
}

/// An example of each format.
pub(crate) const FORMATS: &[(&str, &str)] = &[
    ("uuid", "0193a7c2-7d00-7000-8000-000000000001"),
    ("date-time", "2026-11-23T10:00:00.123Z"),
    ("zoned-date-time", "2026-11-23T10:00:00+00:00[UTC]"),
    ("partial-date-time", "2026-11-23T10:00:00"),
    ("date", "2026-11-23"),
    ("time", "10:00:00Z"),
    ("partial-time", "10:00:00"),
    ("duration", "PT1H"),
    ("email", "ada@example.com"),
    ("idn-email", "ada@example.com"),
    ("hostname", "example.com"),
    ("idn-hostname", "example.com"),
    ("ipv4", "192.0.2.1"),
    ("ip", "192.0.2.1"),
    ("ipv6", "2001:db8::1"),
    ("uri", "https://example.com/"),
    ("iri", "https://example.com/"),
    ("uri-reference", "https://example.com/"),
    ("iri-reference", "https://example.com/"),
    ("uri-template", "https://example.com/"),
];

fn of_format(format: &str) -> Option<&'static str> {
    FORMATS
        .iter()
        .find(|(known, _)| *known == format)
        .map(|(_, text)| *text)
}

/// Returns a short text that matches the pattern.
pub(crate) fn of_pattern(pattern: &str) -> Option<String> {
    fn write(hir: &Hir, text: &mut String) -> Option<()> {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).ok()?),
            HirKind::Class(Class::Unicode(class)) => {
                let plain = ['a', 'A', '1', '0'].into_iter().find(|&plain| {
                    class
                        .iter()
                        .any(|range| (range.start()..=range.end()).contains(&plain))
                });
                text.push(plain.or_else(|| Some(class.iter().next()?.start()))?);
            }
            HirKind::Class(Class::Bytes(class)) => text.push(char::from(class.iter().next()?.start())),
            HirKind::Repetition(repetition) => {
                for _ in 0..repetition.min {
                    write(&repetition.sub, text)?;
                }
            }
            HirKind::Capture(capture) => write(&capture.sub, text)?,
            HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, text))?,
            HirKind::Alternation(alternatives) => write(alternatives.first()?, text)?,
        }
        Some(())
    }
    let mut text = String::new();
    write(&regex_syntax::parse(pattern).ok()?, &mut text)?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_made_of_its_pattern() {
        for (pattern, text) in [
            (r"^-?\d+(\.\d+)?$", "1"),
            ("^(EUR|USD)-[0-9]{3}$", "EUR-111"),
            ("^[A-Z]{2}$", "AA"),
        ] {
            assert_eq!(of_pattern(pattern).as_deref(), Some(text), "{pattern}");
        }
    }

    #[test]
    fn a_number_lies_within_its_bounds() {
        let of = |schema: Value| scalar(schema.as_object().unwrap(), "x");
        assert_eq!(
            of(json!({"type": "integer", "minimum": 0, "maximum": 255})),
            json!(1)
        );
        assert_eq!(of(json!({"type": "integer", "minimum": 7})), json!(7));
        assert_eq!(of(json!({"type": ["null", "integer"], "maximum": -3})), json!(-3));
        assert_eq!(of(json!({"type": "number", "maximum": 0.5})), json!(0.5));
    }
}
