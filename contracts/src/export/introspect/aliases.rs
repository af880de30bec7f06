//! The other names of fields.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::contract::pointer::escaped;
use crate::export::introspect::explore::Explorer;
use crate::export::introspect::walk::{Plan, Rename};
use crate::keyword;

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
    for (object, branches) in explorer.discovered.nodes.clone() {
        let properties = explorer.node(&object).and_then(|node| node.get("properties"));
        let Some(Value::Object(properties)) = properties else {
            continue;
        };
        // The one property of a variant is the variant's name.
        let is_variant = explorer.variants.contains_key(&object) && !explorer.fields.contains_key(&object);
        let Some(first) = properties.keys().next().filter(|_| !is_variant) else {
            continue;
        };
        let mut location = AliasSearch {
            explorer,
            pointer: &object,
            branches: &branches,
        };
        let candidates = location.candidates(properties, likely);
        // Fed beside the fields, what is none of them harms no one.
        if candidates.is_empty() || location.takes(first, &candidates, true) {
            continue;
        }
        for name in candidates {
            let name = [name];
            if location.takes(first, &name, true) {
                continue;
            }
            // It is one too many; in the location of its own field it will do.
            if let Some(field) = properties
                .keys()
                .find(|field| location.takes(field, &name, false))
            {
                let [name] = name;
                found.push(Alias {
                    object: object.clone(),
                    field: field.clone(),
                    name,
                });
            }
        }
    }
    found
}

/// An object's schema, and the way there.
struct AliasSearch<'e, 'a> {
    explorer: &'e mut Explorer<'a>,
    pointer: &'e str,
    branches: &'e BTreeMap<String, usize>,
}

impl AliasSearch<'_, '_> {
    /// The names to try: those that its type asks for or, when that cannot be observed, those that seem likely.
    fn candidates(&self, properties: &Map<String, Value>, likely: &BTreeSet<String>) -> Vec<String> {
        let requested = self.explorer.fields.get(self.pointer);
        let mut names: BTreeSet<String> = if let Some(fields) = requested {
            fields.iter().map(|&field| field.to_owned()).collect()
        } else {
            let spellings = properties.keys().flat_map(|name| spellings(name));
            spellings.chain(likely.iter().cloned()).collect()
        };
        names.retain(|name| !properties.contains_key(name));
        names.into_iter().collect()
    }

    /// Whether the type takes what `field` holds under `names`, in its location or beside it.
    fn takes(&mut self, field: &str, names: &[String], beside: bool) -> bool {
        let plan = Plan {
            branches: self.branches.clone(),
            rename: Some(Rename {
                property: format!("{}/properties/{}", self.pointer, escaped(field)),
                names: names.to_vec(),
                beside,
            }),
            ..Plan::default()
        };
        self.explorer.takes(&plan, &[self.pointer]).0
    }
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
