//! Names the definitions of a schema. The name of a generic type has the names of its parameters, so that it does not
//! depend on the rest of the event.
//!
//! schemars numbers types of the same name in the order of the fields: `Page`, `Page2`. A field that is added before
//! others would rename their types. Only the generator's `Debug` text shows the path and the parameters of a type.

use std::collections::BTreeMap;

use schemars::SchemaGenerator;
use serde_json::{Map, Value};

use crate::keyword;

/// The path and the parameters of a type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    path: Vec<String>,
    parameters: Vec<Identity>,
}

/// Maps the names of schemars to better ones. Definitions that keep their name are not in the map.
pub(crate) fn names(generator: &SchemaGenerator) -> BTreeMap<String, String> {
    let identities: BTreeMap<String, Identity> = identities(&format!("{generator:?}"));
    let mut names: BTreeMap<&String, String> = BTreeMap::new();
    // Types of the same name get the shortest part of their paths that tells them apart.
    let deepest = identities.values().map(Identity::depth).max().unwrap_or(1);
    for depth in 1..=deepest {
        let unnamed: Vec<_> = identities
            .iter()
            .filter(|(name, _)| !names.contains_key(name))
            .collect();
        for (name, identity) in &unnamed {
            let text = identity.text(depth);
            let others = unnamed.iter().filter(|(other, _)| other != name);
            if others.clone().all(|(_, other)| other.text(depth) != text) {
                names.insert(name, text);
            }
        }
    }
    let mut taken: Vec<&String> = names.values().collect();
    taken.sort_unstable();
    let unique = taken.windows(2).all(|pair| pair[0] != pair[1]);
    if !unique {
        return BTreeMap::new();
    }
    names
        .into_iter()
        .filter(|(old, new)| *old != new && new.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        .map(|(old, new)| (old.clone(), new))
        .collect()
}

/// Renames the definitions, and every reference to them.
pub(crate) fn rename(
    names: &BTreeMap<String, String>,
    root: &mut Value,
    definitions: Map<String, Value>,
) -> Map<String, Value> {
    rename_references(names, root);
    definitions
        .into_iter()
        .map(|(name, mut schema)| {
            rename_references(names, &mut schema);
            (names.get(&name).cloned().unwrap_or(name), schema)
        })
        .collect()
}

fn rename_references(names: &BTreeMap<String, String>, schema: &mut Value) {
    keyword::walk(schema, &mut |_, schema| {
        let Some(Value::String(reference)) = schema.get_mut("$ref") else {
            return;
        };
        let name = reference
            .strip_prefix("#/$defs/")
            .and_then(|name| names.get(name));
        if let Some(name) = name {
            *reference = format!("#/$defs/{name}");
        }
    });
}

/// Parses `schema_id_to_name: {SchemaUid("shop::Page<shop::Line>", Serialize): "Page", …}`.
fn identities(debug: &str) -> BTreeMap<String, Identity> {
    let mut identities = BTreeMap::new();
    let Some((_, mut rest)) = debug.split_once("schema_id_to_name: {") else {
        return identities;
    };
    while let Some(entry) = rest.strip_prefix("SchemaUid(") {
        let Some((id, after)) = quoted(entry) else { break };
        let Some((name, after)) = after.split_once("): ").and_then(|(_, after)| quoted(after)) else {
            break;
        };
        if let Some(identity) = Identity::parse(&id) {
            identities.insert(name, identity);
        }
        rest = after.strip_prefix(", ").unwrap_or(after);
    }
    identities
}

/// Splits a quoted text from the rest.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let quoted = stream.next()?.ok()?;
    Some((quoted, &text[stream.byte_offset()..]))
}

impl Identity {
    // Forms: `shop::Page<shop::Line>`, `Map<string>`, `[shop::Line]`, `(a,b)`.
    fn parse(id: &str) -> Option<Self> {
        let id = id.trim();
        let (path, parameters) = if let Some(item) = id.strip_prefix('[') {
            ("Array", item.strip_suffix(']')?)
        } else if let Some(items) = id.strip_prefix('(') {
            ("Tuple", items.strip_suffix(')')?)
        } else if let Some((path, rest)) = id.split_once('<') {
            (path, rest.strip_suffix('>')?)
        } else {
            (id, "")
        };
        Some(Self {
            path: path.split("::").map(str::to_owned).collect(),
            parameters: split(parameters)
                .into_iter()
                .map(Self::parse)
                .collect::<Option<_>>()?,
        })
    }

    fn depth(&self) -> usize {
        let parameters = self.parameters.iter().map(Self::depth).max().unwrap_or(0);
        self.path.len().max(parameters)
    }

    /// Joins the last `depth` words of the path and of the parameters' paths: `Page_of_Line`.
    fn text(&self, depth: usize) -> String {
        let words = &self.path[self.path.len().saturating_sub(depth)..];
        let mut text = words.join("_");
        for (at, parameter) in self.parameters.iter().enumerate() {
            text.push_str(if at == 0 { "_of_" } else { "_and_" });
            text.push_str(&parameter.text(depth));
        }
        text
    }
}

/// Splits parameters at the commas between them, not at commas within a parameter.
fn split(parameters: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_usize, 0, Vec::new());
    for (at, c) in parameters.char_indices() {
        match c {
            '<' | '[' | '(' => depth += 1,
            '>' | ']' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&parameters[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if start < parameters.len() {
        parts.push(&parameters[start..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(id: &str) -> String {
        Identity::parse(id).unwrap().text(1)
    }

    #[test]
    fn a_generic_type_is_named_by_its_parameters() {
        assert_eq!(text("shop::Page<shop::Line>"), "Page_of_Line");
        assert_eq!(
            text("shop::Pair<[shop::Line], Map<uint8, shop::Page<string>>>"),
            "Pair_of_Array_of_Line_and_Map_of_uint8_and_Page_of_string"
        );
    }
}
