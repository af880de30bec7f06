//! The JSON Schema of an event as a document of its own.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};

/// Generates a schema with all its definitions.
///
/// `into_root_schema_for` would make a recursive type refer to `#`. That reference changes its meaning when the schema
/// becomes part of a larger document, and gives tools no name for the type.
pub(crate) fn root(
    subschema: impl FnOnce(&mut SchemaGenerator) -> Schema,
    settings: SchemaSettings,
) -> Schema {
    let meta_schema = settings.meta_schema.clone();
    let mut generator = settings.into_generator();
    let schema = subschema(&mut generator);
    let definitions = generator.take_definitions(true);
    let mut schema = document(schema, definitions);
    if let Some(meta_schema) = meta_schema {
        schema.insert("$schema".to_owned(), meta_schema.into_owned().into());
    }
    schema
}

/// Adds the definitions to `schema`. A reference to a definition is replaced by that definition, unless it is
/// recursive.
#[doc(hidden)]
pub fn document(schema: Schema, mut definitions: Map<String, Value>) -> Schema {
    let name = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| reference.strip_prefix("#/$defs/"))
        .map(str::to_owned);
    let mut document = schema;
    if let Some(name) = name {
        let reference = Value::String(format!("#/$defs/{name}"));
        let is_recursive = definitions
            .values()
            .any(|definition| contains_reference(definition, &reference));
        if !is_recursive && let Some(Value::Object(definition)) = definitions.remove(&name) {
            document = definition.into();
        }
        document.ensure_object().entry("title").or_insert(name.into());
    }
    if !definitions.is_empty() {
        document.insert("$defs".to_owned(), definitions.into());
    }
    document
}

fn contains_reference(value: &Value, reference: &Value) -> bool {
    match value {
        Value::Object(object) => {
            object.get("$ref") == Some(reference)
                || object.values().any(|value| contains_reference(value, reference))
        }
        Value::Array(array) => array.iter().any(|value| contains_reference(value, reference)),
        _ => false,
    }
}
