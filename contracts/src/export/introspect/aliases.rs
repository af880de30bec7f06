//! Finds the aliases of fields.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::contract::pointer::escaped;
use crate::export::introspect::explore::Explorer;
use crate::export::introspect::walk::{Plan, Rename};
use crate::keyword;

/// An alias of a field.
#[derive(Debug)]
pub(crate) struct Alias {
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

/// Finds the aliases at every object that the explorer has seen.
pub(crate) fn find(explorer: &mut Explorer<'_>, likely: &BTreeSet<String>) -> Vec<Alias> {
    let mut found = Vec::new();
    for (object, branches) in explorer.discovered.nodes.clone() {
        let properties = explorer.node(&object).and_then(|node| node.get("properties"));
        let Some(Value::Object(properties)) = properties else {
            continue;
        };
        // The only property of a variant is the variant's name.
        let is_variant = explorer.variants.contains_key(&object) && !explorer.fields.contains_key(&object);
        let Some(first) = properties.keys().next().filter(|_| !is_variant) else {
            continue;
        };
        let mut search = AliasSearch {
            explorer,
            pointer: &object,
            branches: &branches,
        };
        let candidates = search.candidates(properties, likely);
        // When the type accepts all candidates as extra properties, it ignores them: none of them is a name of a
        // field.
        if candidates.is_empty() || search.takes(first, &candidates, true) {
            continue;
        }
        for name in candidates {
            let name = [name];
            if search.takes(first, &name, true) {
                continue;
            }
            // The type refuses this name beside the field. If the type accepts the name instead of the field, the name
            // is an alias.
            if let Some(field) = properties.keys().find(|field| search.takes(field, &name, false)) {
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

/// The schema of an object, and the branches that lead to it.
struct AliasSearch<'e, 'a> {
    explorer: &'e mut Explorer<'a>,
    pointer: &'e str,
    branches: &'e BTreeMap<String, usize>,
}

impl AliasSearch<'_, '_> {
    /// Returns the names to try: those that the type requests or, where serde buffers the object, likely ones.
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

    /// Tells whether the type accepts the value of `field` under `names`, beside the field or instead of it.
    fn takes(&mut self, field: &str, names: &[String], keep_original: bool) -> bool {
        let plan = Plan {
            branches: self.branches.clone(),
            rename: Some(Rename {
                property: format!("{}/properties/{}", self.pointer, escaped(field)),
                names: names.to_vec(),
                keep_original,
            }),
            ..Plan::default()
        };
        self.explorer.takes(&plan, &[self.pointer]).0
    }
}

/// Returns the spellings of a name in the conventions of other languages.
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
    fn a_name_has_the_spellings_of_other_languages() {
        let spellings = spellings("orderId");
        for name in [
            "order_id", "order-id", "orderid", "ORDER_ID", "OrderId", "orderId",
        ] {
            assert!(spellings.iter().any(|it| it == name), "{name}: {spellings:?}");
        }
    }
}
