//! The keywords of a schema: where schemas lie within a schema, and what of it a strict validator knows.

use serde_json::{Map, Value};

use crate::contract::pointer::escaped;

/// On the schema of an object: the other names that the reader takes for a field, `{"customer": ["client"]}`.
pub const ALIASES: &str = "x-tidings-aliases";

/// On the schema of an enum: `true` when its reader takes any variant that it does not know.
pub const OTHER: &str = "x-tidings-other";

/// On the schema of a map: what its keys are, before JSON makes texts of them, `{"type": "integer", "format": "uint8"}`.
pub const KEYS: &str = "x-tidings-keys";

/// What stands under a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// One schema.
    Schema,
    /// A list of schemas.
    List,
    /// Schemas by name.
    Map,
    /// No schema.
    Data,
}

/// What stands under `keyword` in a JSON Schema of 2020-12; `None` when it knows no such keyword.
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

/// Hands `schema` and every schema within it to `visit`, outside first, each with its JSON pointer.
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

/// Goes one step down in a JSON pointer.
fn push(pointer: &mut String, step: &str) {
    pointer.push('/');
    // Most steps have nothing to escape, and there are many.
    if step.contains(['~', '/']) {
        pointer.push_str(&escaped(step));
    } else {
        pointer.push_str(step);
    }
}
