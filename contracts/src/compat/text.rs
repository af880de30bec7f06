//! Texts and their formats. A Rust type enforces some formats; the others are advice.

use serde_json::Value;

use super::keywords::Keywords;
use super::shape::{Kind, Node};

/// Formats of Rust types that refuse any other text.
const ENFORCED: &[&str] = &[
    "date",
    "date-time",
    "duration",
    "ip",
    "ipv4",
    "ipv6",
    "partial-date-time",
    "partial-time",
    "time",
    "uri",
    "uuid",
    "zoned-date-time",
];

/// Patterns that schemars writes for a type, with a name for the type.
const PATTERNS: &[(&str, &str)] = &[
    (r"^-?\d+(\.\d+)?$", "decimal"),
    (r"^-?\d+(\.\d+)?([eE]\d+)?$", "decimal"),
];

pub(crate) fn read(keywords: &Keywords<'_>) -> Node {
    let mut constraints = keywords.constraints_of(&["minLength", "maxLength", "pattern"]);
    let format = format(keywords);
    if let (None, Some(advice)) = (&format, keywords.format) {
        constraints.insert("format".to_owned(), Value::from(advice));
    }
    if format.as_deref() == Some("char") {
        constraints.clear();
    }
    if matches!(format.as_deref(), Some("decimal" | "semver")) {
        constraints.remove("pattern");
    }
    Node {
        constraints,
        ..Node::new(Kind::Text { format })
    }
}

fn format(keywords: &Keywords<'_>) -> Option<String> {
    if let Some(checked) = keywords.facts.checked {
        return Some(checked.to_owned());
    }
    if let Some(format) = keywords.format.filter(|format| ENFORCED.contains(format)) {
        return Some(format.to_owned());
    }
    let is_one = |keyword: &str| keywords.constraints.get(keyword).and_then(Value::as_u64) == Some(1);
    if is_one("minLength") && is_one("maxLength") {
        return Some("char".to_owned());
    }
    let pattern = keywords.constraints.get("pattern").and_then(Value::as_str)?;
    let known = PATTERNS.iter().find(|(known, _)| *known == pattern);
    match known {
        Some((_, name)) => Some((*name).to_owned()),
        // The pattern from the specification of semantic versioning, as schemars writes it.
        None if pattern.starts_with(r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-(") => {
            Some("semver".to_owned())
        }
        None => None,
    }
}

/// Tells whether a reader of the format `read` accepts every text of the format `written`.
pub(crate) fn fits(written: Option<&str>, read: Option<&str>) -> bool {
    match (written, read) {
        (_, None) | (Some("ipv4" | "ipv6"), Some("ip")) => true,
        (written, read) => written == read,
    }
}
