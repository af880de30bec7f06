//! The schema of an event as a document of its own.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::event::descriptor::EventDescriptor;

/// The schema of `event` with all that it refers to.
///
/// Not by `into_root_schema_for`: it lets a recursive type refer to `#`, which means another thing as soon as the schema
/// lies in a larger document, and by which no tool can name the type.
pub(crate) fn root(event: &EventDescriptor, settings: SchemaSettings) -> Schema {
    let meta_schema = settings.meta_schema.clone();
    let mut generator = settings.into_generator();
    let schema = event.schema(&mut generator);
    let definitions = definitions(&mut generator);
    let mut schema = document(schema, definitions);
    if let Some(meta_schema) = meta_schema {
        schema.insert("$schema".to_owned(), meta_schema.into_owned().into());
    }
    schema
}

fn definitions(generator: &mut SchemaGenerator) -> Map<String, Value> {
    generator.take_definitions(true)
}

/// `schema` with its definitions: itself in place of the reference to it, unless it refers to itself.
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
            .any(|definition| refers(definition, &reference));
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

fn refers(value: &Value, reference: &Value) -> bool {
    match value {
        Value::Object(object) => {
            object.get("$ref") == Some(reference) || object.values().any(|value| refers(value, reference))
        }
        Value::Array(array) => array.iter().any(|value| refers(value, reference)),
        _ => false,
    }
}
