//! Converts schemas to draft-07, for AsyncAPI and for code generators.

use schemars::Schema;
use schemars::transform::{RemoveRefSiblings, ReplacePrefixItems, ReplaceUnevaluatedProperties, Transform};
use serde_json::{Map, Value};

use crate::keyword;

const NEW: &str = "#/$defs/";
const OLD: &str = "#/definitions/";

/// Converts a schema to draft-07. Where draft-07 lacks a keyword, the schema becomes wider, never narrower. The
/// exception is `unevaluatedProperties`, which becomes closed over the properties of all alternatives.
pub(crate) fn draft7(schema: Value) -> Value {
    let mut schema = schema;
    // This must come first: after the transforms below it is not a 2020-12 schema any more.
    keyword::walk(&mut schema, &mut |_, schema| {
        for unknown in [
            "unevaluatedItems",
            "minContains",
            "maxContains",
            "dependentRequired",
            "dependentSchemas",
        ] {
            schema.remove(unknown);
        }
        move_reference(schema);
    });
    let Ok(mut schema) = Schema::try_from(schema) else {
        return Value::Bool(true);
    };
    ReplaceUnevaluatedProperties::default().transform(&mut schema);
    ReplacePrefixItems::default().transform(&mut schema);
    RemoveRefSiblings::default().transform(&mut schema);
    let mut schema = schema.to_value();
    let Value::Object(root) = &mut schema else {
        return schema;
    };
    if let Some(definitions) = root.remove("$defs") {
        root.insert("definitions".to_owned(), definitions);
    }
    if root.contains_key("$schema") {
        let draft = Value::from("http://json-schema.org/draft-07/schema#");
        root.insert("$schema".to_owned(), draft);
    }
    schema
}

fn move_reference(schema: &mut Map<String, Value>) {
    if let Some(Value::String(reference)) = schema.get_mut("$ref")
        && let Some(name) = reference.strip_prefix(NEW)
    {
        *reference = format!("{OLD}{name}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tuples_references_and_definitions_are_converted() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"$ref": "#/$defs/B", "description": "b"}]},
            },
            "dependentRequired": {"pair": ["other"]},
            "$defs": {"B": {"type": "array", "items": {"$ref": "#/$defs/B"}}},
        });
        assert_eq!(
            draft7(schema),
            json!({
                "$schema": "http://json-schema.org/draft-07/schema#",
                "type": "object",
                "properties": {
                    "pair": {"type": "array", "items": [
                        {"type": "string"},
                        {"allOf": [{"$ref": "#/definitions/B"}], "description": "b"},
                    ]},
                },
                "definitions": {"B": {"type": "array", "items": {"$ref": "#/definitions/B"}}},
            })
        );
    }

    #[test]
    fn a_closed_struct_with_a_flattened_enum_stays_closed() {
        let schema = json!({
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "oneOf": [{"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]}],
            "unevaluatedProperties": false,
        });
        let old = draft7(schema);
        assert_eq!(old["additionalProperties"], json!(false));
        assert_eq!(old["properties"]["b"], json!(true));
    }
}
