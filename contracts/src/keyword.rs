//! Keywords of JSON Schema: which of them hold schemas, and which of them the standard defines.

use serde_json::{Map, Value};

use crate::contract::pointer::escaped;

/// Keyword of an object schema: the aliases that the reader accepts for each field, `{"customer": ["client"]}`.
pub const ALIASES: &str = "x-tidings-aliases";

/// Keyword of an enum schema: `true` when the reader accepts unknown variants.
pub const OTHER: &str = "x-tidings-other";

/// Keyword of a map schema: the type of its keys in Rust, `{"type": "integer", "format": "uint8"}`. JSON writes keys
/// as texts.
pub const KEYS: &str = "x-tidings-keys";

/// What a keyword holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// One schema.
    Schema,
    /// A list of schemas.
    List,
    /// Schemas by name.
    Map,
    /// Data without a schema.
    Data,
}

/// Returns what `keyword` holds in JSON Schema 2020-12; `None` when the standard does not define it.
pub fn holds(keyword: &str) -> Option<Holds> {
    Some(match keyword {
        "items"
        | "additionalProperties"
        | "unevaluatedItems"
        | "unevaluatedProperties"
        | "contains"
        | "propertyNames"
        | "not"
        | "if"
        | "then"
        | "else"
        | "contentSchema" => Holds::Schema,
        "prefixItems" | "allOf" | "anyOf" | "oneOf" => Holds::List,
        "properties" | "patternProperties" | "dependentSchemas" | "$defs" => Holds::Map,
        "$schema" | "$id" | "$ref" | "$anchor" | "$dynamicRef" | "$dynamicAnchor" | "$vocabulary"
        | "$comment" | "type" | "const" | "enum" | "multipleOf" | "maximum" | "exclusiveMaximum"
        | "minimum" | "exclusiveMinimum" | "maxLength" | "minLength" | "pattern" | "maxItems"
        | "minItems" | "uniqueItems" | "maxContains" | "minContains" | "maxProperties" | "minProperties"
        | "required" | "dependentRequired" | "format" | "contentEncoding" | "contentMediaType" | "title"
        | "description" | "default" | "deprecated" | "readOnly" | "writeOnly" | "examples" => Holds::Data,
        _ => return None,
    })
}

/// The formats that JSON Schema 2020-12 defines.
pub const FORMATS: &[&str] = &[
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "idn-email",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
];

/// Calls `visit` with `schema` and every schema within it, each with its JSON pointer. Outer schemas come first.
pub fn walk(schema: &mut Value, visit: &mut impl FnMut(&str, &mut Map<String, Value>)) {
    walk_at(&mut String::new(), schema, visit);
}

fn walk_at(at: &mut String, schema: &mut Value, visit: &mut impl FnMut(&str, &mut Map<String, Value>)) {
    let Value::Object(schema) = schema else { return };
    visit(at, schema);
    for (keyword, value) in schema {
        let Some(holds) = holds(keyword) else { continue };
        let length = at.len();
        push(at, keyword);
        match (holds, value) {
            (Holds::Schema, value) => walk_at(at, value, visit),
            (Holds::List, Value::Array(list)) => {
                for (index, schema) in list.iter_mut().enumerate() {
                    let length = at.len();
                    push(at, &index.to_string());
                    walk_at(at, schema, visit);
                    at.truncate(length);
                }
            }
            (Holds::Map, Value::Object(map)) => {
                for (name, schema) in map {
                    let length = at.len();
                    push(at, name);
                    walk_at(at, schema, visit);
                    at.truncate(length);
                }
            }
            _ => {}
        }
        at.truncate(length);
    }
}

fn push(pointer: &mut String, step: &str) {
    pointer.push('/');
    // Most steps need no escaping, so skip its allocations.
    if step.contains(['~', '/']) {
        pointer.push_str(&escaped(step));
    } else {
        pointer.push_str(step);
    }
}
