//! The keywords of a schema, merged with those of its `allOf` and of its references.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::contract::pointer::percent_decoded;
use crate::keyword;

/// Keywords that schemars never derives, so this crate does not decide them.
const UNDECIDABLE: &[&str] = &[
    "if",
    "then",
    "else",
    "contains",
    "minContains",
    "maxContains",
    "dependentRequired",
    "dependentSchemas",
    "propertyNames",
    "unevaluatedItems",
    "$dynamicRef",
];

/// Keywords that serde does not enforce.
const CONSTRAINTS: &[&str] = &[
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];

/// The limit of nested `allOf` and references. Derived schemas stay far below.
const DEPTH: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Keywords<'a> {
    pub(crate) types: Option<BTreeSet<&'a str>>,
    pub(crate) fields: BTreeMap<&'a str, &'a Value>,
    pub(crate) required: BTreeSet<&'a str>,
    pub(crate) rest: Option<&'a Value>,
    pub(crate) patterns: BTreeMap<&'a str, &'a Value>,
    pub(crate) items: Option<&'a Value>,
    pub(crate) prefix: Option<&'a Vec<Value>>,
    pub(crate) literals: Option<Vec<&'a Value>>,
    pub(crate) format: Option<&'a str>,
    pub(crate) constraints: BTreeMap<String, Value>,
    pub(crate) choices: Vec<Choice<'a>>,
    pub(crate) facts: Facts<'a>,
    pub(crate) undecidable: bool,
}

/// Facts that serde knows and JSON Schema cannot express.
#[derive(Debug, Default, Clone)]
pub(crate) struct Facts<'a> {
    pub(crate) aliases: BTreeMap<&'a str, Vec<&'a str>>,
    pub(crate) other: bool,
    pub(crate) tagging: Option<&'a str>,
    pub(crate) keys: Option<&'a Value>,
    pub(crate) nonzero: Option<bool>,
    pub(crate) checked: Option<&'a str>,
}

/// An `anyOf` or `oneOf`.
#[derive(Debug, Clone)]
pub(crate) struct Choice<'a> {
    pub(crate) alternatives: &'a [Value],
    /// Whether exactly one must fit. schemars writes `oneOf` for tagged enums only.
    pub(crate) exclusive: bool,
    pub(crate) facts: Facts<'a>,
}

impl<'a> Keywords<'a> {
    /// Merges the keywords of `schema`, with references into `document`.
    pub(crate) fn of(schema: &'a Map<String, Value>, document: &'a Value) -> Self {
        let mut keywords = Self::default();
        keywords.add(schema, document, 0);
        keywords
    }

    fn add(&mut self, schema: &'a Map<String, Value>, document: &'a Value, depth: usize) {
        if depth > DEPTH || UNDECIDABLE.iter().any(|word| schema.contains_key(*word)) {
            self.undecidable = true;
            return;
        }
        self.add_facts(schema);
        self.add_values(schema);
        self.add_object(schema);
        self.add_choices(schema);
        let reference = schema
            .get("$ref")
            .and_then(Value::as_str)
            .map(|name| resolve(document, name));
        let members = schema
            .get("allOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(Some);
        for inner in reference.into_iter().chain(members) {
            match inner {
                Some(Value::Object(inner)) => self.add(inner, document, depth + 1),
                Some(Value::Bool(true)) => {}
                _ => self.undecidable = true,
            }
        }
    }

    fn add_facts(&mut self, schema: &'a Map<String, Value>) {
        let facts = facts(schema);
        for (name, aliases) in facts.aliases {
            self.facts.aliases.entry(name).or_insert(aliases);
        }
        self.facts.other |= facts.other;
        self.facts.tagging = self.facts.tagging.or(facts.tagging);
        self.facts.keys = self.facts.keys.or(facts.keys);
        self.facts.nonzero = self.facts.nonzero.or(facts.nonzero);
        self.facts.checked = self.facts.checked.or(facts.checked);
    }

    fn add_values(&mut self, schema: &'a Map<String, Value>) {
        if let Some(types) = types(schema) {
            self.types = Some(match self.types.take() {
                Some(known) => known.intersection(&types).copied().collect(),
                None => types,
            });
        }
        let literals = match (schema.get("const"), schema.get("enum")) {
            (Some(value), _) => Some(vec![value]),
            (None, Some(Value::Array(values))) => Some(values.iter().collect()),
            _ => None,
        };
        self.literals = self.literals.take().or(literals);
        self.format = self.format.or(schema.get("format").and_then(Value::as_str));
        self.items = self.items.or(schema.get("items"));
        self.prefix = self
            .prefix
            .or(schema.get("prefixItems").and_then(Value::as_array));
        for keyword in CONSTRAINTS {
            if let Some(value) = schema.get(*keyword) {
                self.constraints
                    .entry((*keyword).to_owned())
                    .or_insert_with(|| value.clone());
            }
        }
        match schema.get("not") {
            None => {}
            // schemars writes `NonZeroI32` like this.
            Some(not) if *not == serde_json::json!({"const": 0}) => self.facts.nonzero = Some(true),
            Some(_) => self.undecidable = true,
        }
    }

    fn add_object(&mut self, schema: &'a Map<String, Value>) {
        let map = |keyword: &str| {
            schema
                .get(keyword)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
        };
        for (name, field) in map("properties") {
            self.fields.entry(name).or_insert(field);
        }
        for (pattern, value) in map("patternProperties") {
            self.patterns.entry(pattern).or_insert(value);
        }
        let required = schema.get("required").and_then(Value::as_array);
        self.required
            .extend(required.into_iter().flatten().filter_map(Value::as_str));
        self.rest = self.rest.or_else(|| {
            schema
                .get("additionalProperties")
                .or_else(|| schema.get("unevaluatedProperties"))
        });
    }

    fn add_choices(&mut self, schema: &'a Map<String, Value>) {
        for (keyword, exclusive) in [("anyOf", false), ("oneOf", true)] {
            if let Some(Value::Array(alternatives)) = schema.get(keyword) {
                self.choices.push(Choice {
                    alternatives,
                    exclusive,
                    facts: facts(schema),
                });
            }
        }
    }

    pub(crate) fn constraints_of(&self, names: &[&str]) -> BTreeMap<String, Value> {
        self.constraints
            .iter()
            .filter(|(keyword, _)| names.contains(&keyword.as_str()))
            .map(|(keyword, value)| (keyword.clone(), value.clone()))
            .collect()
    }

    pub(crate) fn is_object(&self) -> bool {
        match &self.types {
            Some(types) => types.len() == 1 && types.contains("object"),
            None => !self.fields.is_empty() || self.rest.is_some() || !self.patterns.is_empty(),
        }
    }

    /// Returns the texts of an enumeration of texts.
    pub(crate) fn texts(&self) -> Option<Vec<&'a str>> {
        if !self.choices.is_empty() {
            return None;
        }
        self.literals
            .as_ref()?
            .iter()
            .map(|value| value.as_str())
            .collect()
    }
}

fn types(schema: &Map<String, Value>) -> Option<BTreeSet<&str>> {
    match schema.get("type")? {
        Value::String(name) => Some(BTreeSet::from([name.as_str()])),
        Value::Array(names) => Some(names.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn facts(schema: &Map<String, Value>) -> Facts<'_> {
    let aliases = schema.get(keyword::ALIASES).and_then(Value::as_object);
    Facts {
        aliases: aliases
            .into_iter()
            .flatten()
            .map(|(name, aliases)| {
                let aliases = aliases.as_array().into_iter().flatten();
                (name.as_str(), aliases.filter_map(Value::as_str).collect())
            })
            .collect(),
        other: schema.get(keyword::OTHER) == Some(&Value::Bool(true)),
        tagging: schema.get("x-tidings-tagging").and_then(Value::as_str),
        keys: schema.get(keyword::KEYS),
        nonzero: schema.get("x-tidings-nonzero").and_then(Value::as_bool),
        checked: schema.get("x-tidings-checked").and_then(Value::as_str),
    }
}

/// Returns the schema that `reference` leads to.
pub(crate) fn resolve<'a>(document: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = reference.strip_prefix('#')?;
    if pointer.contains('%') {
        return document.pointer(&percent_decoded(pointer));
    }
    document.pointer(pointer)
}
