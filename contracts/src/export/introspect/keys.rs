//! Finds the types of map keys. JSON writes every key as a text, so the schema does not state the types.

use serde_json::{Map, Value, json};

use crate::contract::pointer::escaped;
use crate::export::introspect::explore::Explorer;
use crate::export::introspect::key_type::KeyType;
use crate::export::introspect::walk::{Plan, Rename};
use crate::export::sample;
use crate::keyword;

/// A fact about the keys of one map.
#[derive(Debug)]
pub(crate) enum KeyFact {
    /// The keys fit this schema.
    Fit { map: String, schema: Value },
    /// The keys are variants, and these are their other names.
    Names { map: String, names: Vec<String> },
    /// The keys are variants, and the map accepts unknown ones.
    Any { map: String },
}

/// Finds the key types of every map that serde does not buffer.
pub(crate) fn find(explorer: &mut Explorer<'_>) -> Vec<KeyFact> {
    let requested = explorer.keys.clone();
    requested
        .into_iter()
        .filter_map(|(map, requested)| one(explorer, map, &requested))
        .collect()
}

fn one(explorer: &mut Explorer<'_>, map: String, requested: &KeyType) -> Option<KeyFact> {
    let schema = match requested {
        KeyType::Integer(format) => json!({ "type": "integer", "format": format }),
        KeyType::Bool => json!({ "type": "boolean" }),
        KeyType::Char => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
        KeyType::Text if takes(explorer, &map, "a text of no format") => return None,
        KeyType::Text => {
            let mut formats = sample::FORMATS.iter();
            let format = formats.find(|(_, text)| takes(explorer, &map, text));
            // The text has a format that is not in the list. No schema can name that format, so it fits only itself.
            format.map_or(
                json!({ "not": true }),
                |(format, _)| json!({ "type": "string", "format": format }),
            )
        }
        KeyType::Variant(_) if takes(explorer, &map, "a variant that there is not") => {
            return Some(KeyFact::Any { map });
        }
        KeyType::Variant(names) => {
            let names = names.iter().map(|&name| name.to_owned()).collect();
            return Some(KeyFact::Names { map, names });
        }
    };
    Some(KeyFact::Fit { map, schema })
}

fn takes(explorer: &mut Explorer<'_>, map: &str, name: &str) -> bool {
    let Some(branches) = explorer.discovered.nodes.get(map).cloned() else {
        return false;
    };
    let Some(property) = explorer.node(map).and_then(|node| entry(map, node)) else {
        return false;
    };
    let plan = Plan {
        branches,
        rename: Some(Rename {
            property,
            names: vec![name.to_owned()],
            keep_original: false,
        }),
        ..Plan::default()
    };
    let observed = explorer.run(&plan).observed;
    observed.keys.contains_key(map) && observed.accepted.get(map) == Some(&true)
}

/// Returns the pointer of the schema of the map's entries.
fn entry(map: &str, node: &Map<String, Value>) -> Option<String> {
    let first = |keyword: &str| {
        let name = node.get(keyword)?.as_object()?.keys().next()?;
        Some(format!("{map}/{keyword}/{}", escaped(name)))
    };
    first("patternProperties")
        .or_else(|| first("properties"))
        .or_else(|| {
            let rest = node.get("additionalProperties")?;
            rest.is_object().then(|| format!("{map}/additionalProperties"))
        })
}

impl KeyFact {
    pub(crate) fn write(self, writer: &mut Value, reader: &mut Value) {
        match self {
            Self::Fit { map, schema } => {
                for side in [writer, reader] {
                    if let Some(Value::Object(node)) = side.pointer_mut(&map)
                        && ["additionalProperties", "patternProperties"]
                            .iter()
                            .any(|it| node.contains_key(*it))
                    {
                        node.insert(keyword::KEYS.to_owned(), schema.clone());
                    }
                }
            }
            Self::Names { map, names } => {
                let properties = reader
                    .pointer_mut(&map)
                    .and_then(|node| node.get_mut("properties"));
                if let Some(Value::Object(properties)) = properties
                    && let Some(value) = properties.values().next().cloned()
                {
                    for name in names {
                        properties.entry(name).or_insert_with(|| value.clone());
                    }
                }
            }
            Self::Any { map } => {
                if let Some(Value::Object(node)) = reader.pointer_mut(&map)
                    && let Some(Value::Object(properties)) = node.remove("properties")
                    && let Some((_, value)) = properties.into_iter().next()
                {
                    node.insert("additionalProperties".to_owned(), value);
                }
            }
        }
    }
}
