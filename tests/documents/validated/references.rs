//! Checks of an AsyncAPI document that neither its JSON Schema nor every parser makes.

use serde_json::Value;

/// Returns all errors in the references of a document.
pub(crate) fn faults(document: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    unresolved(document, document, "#", &mut faults);
    for (name, operation) in members(&document["operations"]) {
        let channel = text(&operation["channel"]["$ref"]);
        for message in operation["messages"].as_array().into_iter().flatten() {
            let message = text(&message["$ref"]);
            if !message.starts_with(&format!("{channel}/messages/")) {
                faults.push(format!(
                    "operation {name}: {message} is not of its channel {channel}"
                ));
            }
        }
        if operation["messages"].as_array().is_none_or(Vec::is_empty) {
            faults.push(format!("operation {name} has no messages"));
        }
    }
    let used = document.to_string();
    for kind in ["messages", "schemas"] {
        for (name, schema) in members(&document["components"][kind]) {
            if !used.contains(&format!("\"#/components/{kind}/{name}\"")) {
                faults.push(format!("{kind}/{name} is not referenced"));
            }
            unsupported_keywords(schema, &format!("{kind}/{name}"), &mut faults);
        }
    }
    faults
}

fn unresolved(document: &Value, at: &Value, path: &str, faults: &mut Vec<String>) {
    match at {
        Value::Object(object) => {
            for (name, value) in object {
                if name == "$ref" {
                    let target = text(value);
                    let found = target
                        .strip_prefix('#')
                        .and_then(|pointer| document.pointer(pointer));
                    if found.is_none() || target == "#" {
                        faults.push(format!("{path}: {target} does not resolve"));
                    }
                    if object.len() > 1 {
                        faults.push(format!("{path}: keys beside {target} are ignored"));
                    }
                }
                unresolved(document, value, &format!("{path}/{name}"), faults);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                unresolved(document, value, &format!("{path}/{index}"), faults);
            }
        }
        _ => {}
    }
}

/// Finds keywords that draft-07 or AsyncAPI do not have.
fn unsupported_keywords(schema: &Value, path: &str, faults: &mut Vec<String>) {
    let Value::Object(object) = schema else { return };
    for (name, value) in object {
        if [
            "$defs",
            "definitions",
            "$schema",
            "prefixItems",
            "unevaluatedProperties",
        ]
        .contains(&name.as_str())
        {
            faults.push(format!("{path} has {name}"));
        }
        if name != "examples" {
            unsupported_keywords(value, &format!("{path}/{name}"), faults);
        }
    }
}

pub(crate) fn members(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("the reference is a string")
}
