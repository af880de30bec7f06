//! The other names of fields.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::keyword;
use crate::probe::explore::Explorer;
use crate::probe::walk::{Plan, Rename, escaped};

/// Another name that a reader takes for a field.
#[derive(Debug)]
pub(crate) struct Alias {
    /// The pointer of the object's schema.
    object: String,
    field: String,
    name: String,
}

impl Alias {
    pub(crate) fn write(self, reader: &mut Value) {
        let Some(Value::Object(object)) = reader.pointer_mut(&self.object) else {
            return;
        };
        let aliases = object.entry(keyword::ALIASES).or_insert_with(|| json!({}));
        let names = aliases
            .as_object_mut()
            .map(|aliases| aliases.entry(self.field).or_insert_with(|| json!([])));
        if let Some(Value::Array(names)) = names {
            names.push(self.name.into());
        }
    }
}

/// Finds them at every object that the explorer came by.
pub(crate) fn find(explorer: &mut Explorer<'_>, likely: &BTreeSet<String>) -> Vec<Alias> {
    let mut found = Vec::new();
    for (object, branches) in explorer.seen.nodes.clone() {
        let Some(Value::Object(properties)) = explorer.node(&object).and_then(|node| node.get("properties"))
        else {
            continue;
        };
        let candidates: BTreeSet<String> = match explorer.fields.get(&object) {
            Some(fields) => fields.iter().map(|&field| field.to_owned()).collect(),
            None => properties
                .keys()
                .flat_map(|name| spellings(name))
                .chain(likely.iter().cloned())
                .collect(),
        };
        for name in candidates {
            if properties.contains_key(&name) {
                continue;
            }
            let plan = |field: &str, twice| Plan {
                branches: branches.clone(),
                rename: Some(Rename {
                    property: format!("{object}/properties/{}", escaped(field)),
                    name: name.clone(),
                    twice,
                }),
                ..Plan::default()
            };
            if let Some(field) = field_of(explorer, properties, &object, plan) {
                found.push(Alias {
                    object: object.clone(),
                    field,
                    name,
                });
            }
        }
    }
    found
}

/// The field that a name belongs to: fed beside it, it is one too many; fed in its place, it will do.
fn field_of(
    explorer: &mut Explorer<'_>,
    properties: &Map<String, Value>,
    object: &str,
    plan: impl Fn(&str, bool) -> Plan,
) -> Option<String> {
    let first = properties.keys().next()?;
    if explorer.takes(&plan(first, true), &[object]).0 {
        return None;
    }
    properties
        .keys()
        .find(|field| explorer.takes(&plan(field, false), &[object]).0)
        .cloned()
}

/// A name as the conventions of other languages write it.
fn spellings(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut before_is_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && before_is_lower) {
            words.push(String::new());
        }
        before_is_lower = c.is_lowercase() || c.is_numeric();
        if c.is_alphanumeric() {
            words
                .last_mut()
                .expect("there is a word")
                .extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    let capital = |word: &String| -> String {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect())
            .unwrap_or_default()
    };
    let pascal: String = words.iter().map(capital).collect();
    let camel =
        words.first().cloned().unwrap_or_default() + &words.iter().skip(1).map(capital).collect::<String>();
    vec![
        words.join("_"),
        words.join("-"),
        words.concat(),
        words.join("_").to_uppercase(),
        words.join("-").to_uppercase(),
        words.concat().to_uppercase(),
        pascal,
        camel,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_spelled_as_other_languages_do() {
        let spellings = spellings("orderId");
        for name in [
            "order_id", "order-id", "orderid", "ORDER_ID", "OrderId", "orderId",
        ] {
            assert!(spellings.iter().any(|it| it == name), "{name}: {spellings:?}");
        }
    }
}
