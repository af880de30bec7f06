//! Facts: keywords and formats that the JSON Schema standard does not define, stored beside the schema in the file.
//!
//! In memory, a schema has our keywords (`x-tidings-aliases`, `x-tidings-other`), those of the user, and formats of
//! Rust types. A strict validator refuses these, so the file stores them beside the schema, by the schema's pointer.

use serde_json::{Map, Value};

use crate::keyword;

/// Removes the facts from `schema`, and returns them by the pointers of their schemas.
pub(crate) fn split(schema: &mut Value) -> Map<String, Value> {
    let mut facts = Map::new();
    keyword::walk(schema, &mut |at, schema| {
        let nonstandard: Vec<String> = schema
            .iter()
            .filter(|(keyword, value)| is_nonstandard(keyword, value))
            .map(|(keyword, _)| keyword.clone())
            .collect();
        if !nonstandard.is_empty() {
            let taken: Map<String, Value> = nonstandard
                .into_iter()
                .filter_map(|keyword| schema.remove_entry(&keyword))
                .collect();
            facts.insert(at.to_owned(), Value::Object(taken));
        }
    });
    facts
}

fn is_nonstandard(keyword: &str, value: &Value) -> bool {
    match keyword {
        "format" => !value
            .as_str()
            .is_some_and(|format| keyword::FORMATS.contains(&format)),
        _ => keyword::holds(keyword).is_none(),
    }
}

/// Puts the facts back into the schema.
///
/// # Errors
/// Returns the pointer that leads to no schema.
pub(crate) fn merge(schema: &mut Value, facts: &Map<String, Value>) -> Result<(), String> {
    for (at, keywords) in facts {
        let target = schema.pointer_mut(at).and_then(Value::as_object_mut);
        let (Some(target), Value::Object(keywords)) = (target, keywords) else {
            return Err(at.clone());
        };
        for (keyword, value) in keywords {
            target.insert(keyword.clone(), value.clone());
        }
    }
    Ok(())
}
