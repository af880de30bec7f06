//! A walk through a schema: it takes one branch of each list, and chooses the value to feed at each location.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::contract::pointer::{escaped, percent_decoded};
use crate::export::introspect::index::Index;
use crate::export::sample;

/// How one run differs from the default run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// The branch to take of a list, by the list's pointer.
    pub(crate) branches: BTreeMap<String, usize>,
    /// The text to feed, with the pointer of its schema.
    pub(crate) text: Option<(String, String)>,
    pub(crate) rename: Option<Rename>,
    pub(crate) alone: Option<Alone>,
}

/// Feeds one property without its neighbours.
#[derive(Debug, Clone)]
pub(crate) struct Alone {
    pub(crate) property: String,
    /// The prefix of the pointers of its neighbours.
    pub(crate) among: String,
}

/// Feeds a property under other names.
#[derive(Debug, Clone)]
pub(crate) struct Rename {
    pub(crate) property: String,
    pub(crate) names: Vec<String>,
    /// Whether to feed it under its own name as well.
    pub(crate) keep_original: bool,
}

/// What the walks have found in a schema.
#[derive(Debug, Default)]
pub(crate) struct Discovered {
    /// The number of branches in each list, and the branches that lead to the list.
    pub(crate) lists: BTreeMap<String, (usize, BTreeMap<String, usize>)>,
    /// The branches that lead to each schema.
    pub(crate) nodes: BTreeMap<String, BTreeMap<String, usize>>,
    /// The properties that the type refused.
    pub(crate) failed: BTreeSet<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) pointer: String,
    pub(crate) required: bool,
}

/// The value to feed for a schema, with its references followed and its branches chosen.
#[derive(Debug)]
pub(crate) enum Input {
    Scalar(Value),
    Array(Vec<String>),
    Object(Vec<Property>),
}

pub(crate) struct Walk<'a> {
    index: &'a Index<'a>,
    pub(crate) plan: &'a Plan,
    pub(crate) discovered: &'a mut Discovered,
    /// The branches taken so far.
    taken: BTreeMap<String, usize>,
    /// The definitions that the walk is in. They stop it at a recursive type.
    open: Vec<String>,
}

/// A location in a walk: the pointer of a schema, and the name of the value.
#[derive(Debug, Clone)]
pub(crate) struct Location {
    pub(crate) pointer: String,
    pub(crate) hint: String,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(index: &'a Index<'a>, plan: &'a Plan, discovered: &'a mut Discovered) -> Self {
        Self {
            index,
            plan,
            discovered,
            taken: BTreeMap::new(),
            open: Vec::new(),
        }
    }

    fn node(&self, pointer: &str) -> Option<&'a Map<String, Value>> {
        self.index.node(pointer)
    }

    /// The number of open definitions, for [`Walk::close`].
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Closes the definitions that the walk has entered since [`Walk::depth`] returned `depth`.
    pub(crate) fn close(&mut self, depth: usize) {
        self.open.truncate(depth);
    }

    /// Runs `read` and then restores the state of the walk.
    pub(crate) fn peek<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let (taken, depth) = (self.taken.clone(), self.depth());
        let found = read(self);
        self.taken = taken;
        self.close(depth);
        found
    }

    /// Returns the pointers of all schemas that apply at `pointer`: its own, the referenced ones, and the chosen
    /// branches.
    pub(crate) fn schemas(&mut self, pointer: &str) -> Vec<String> {
        let mut schemas = Vec::new();
        self.collect_schemas(pointer, &mut schemas);
        schemas
    }

    fn collect_schemas(&mut self, pointer: &str, schemas: &mut Vec<String>) {
        let Some(node) = self.node(pointer) else { return };
        if schemas.len() > 64 || schemas.iter().any(|part| part == pointer) {
            return;
        }
        schemas.push(pointer.to_owned());
        if let Some(target) = node
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|it| it.strip_prefix('#'))
        {
            // The reference is part of a URI, so special characters in a definition's name are escaped.
            let target = percent_decoded(target);
            self.open.push(target.clone());
            self.collect_schemas(&target, schemas);
        }
        for at in 0..list(node, "allOf").map_or(0, Vec::len) {
            self.collect_schemas(&format!("{pointer}/allOf/{at}"), schemas);
        }
        for keyword in ["oneOf", "anyOf"] {
            if let Some(branches) = list(node, keyword) {
                let chosen = self.choose(&format!("{pointer}/{keyword}"), branches);
                self.collect_schemas(&format!("{pointer}/{keyword}/{chosen}"), schemas);
            }
        }
    }

    fn choose(&mut self, list: &str, branches: &[Value]) -> usize {
        let taken = &self.taken;
        self.discovered
            .lists
            .entry(list.to_owned())
            .or_insert_with(|| (branches.len(), taken.clone()));
        let is_open = |branch: &&(usize, &Value)| !self.leads_back(branch.1);
        let plainest = || {
            let mut branches = branches.iter().enumerate();
            let first = branches.clone().find(|branch| {
                is_open(&branch) && branch.1.get("type").and_then(Value::as_str) != Some("null")
            });
            first
                .or_else(|| branches.find(|branch| is_open(&branch)))
                .map_or(0, |(at, _)| at)
        };
        // A branch may lead back to the same list. The plan applies to the first pass only.
        let planned = self.plan.branches.get(list).filter(|&&at| {
            !self.taken.contains_key(list) || branches.get(at).is_some_and(|it| !self.leads_back(it))
        });
        let chosen = planned.copied().unwrap_or_else(plainest);
        self.taken.insert(list.to_owned(), chosen);
        chosen
    }

    /// Tells whether the schema refers to an open definition.
    fn leads_back(&self, schema: &Value) -> bool {
        match schema {
            Value::Object(object) => {
                let target = object.get("$ref").and_then(Value::as_str);
                target.is_some_and(|target| {
                    let target = percent_decoded(target.strip_prefix('#').unwrap_or(target));
                    self.open.contains(&target)
                }) || object.values().any(|value| self.leads_back(value))
            }
            Value::Array(array) => array.iter().any(|value| self.leads_back(value)),
            _ => false,
        }
    }

    /// Returns the input for a location. The definitions that it enters stay open until [`Walk::close`].
    pub(crate) fn input(&mut self, location: &Location) -> Input {
        let schemas = self.schemas(&location.pointer);
        let nodes: Vec<(&String, &Map<String, Value>)> = schemas
            .iter()
            .filter_map(|part| Some((part, self.node(part)?)))
            .collect();
        for (pointer, _) in &nodes {
            if !self.discovered.nodes.contains_key(*pointer) {
                self.discovered
                    .nodes
                    .insert((*pointer).clone(), self.taken.clone());
            }
        }
        if let Some((at, text)) = &self.plan.text
            && schemas.contains(at)
        {
            return Input::Scalar(Value::String(text.clone()));
        }
        if nodes.iter().any(|(_, node)| is_object(node)) {
            return Input::Object(self.properties(&nodes));
        }
        if let Some((pointer, node)) = nodes.iter().find(|(_, node)| is_array(node)) {
            return Input::Array(self.items(pointer, node));
        }
        let merged = nodes.iter().rev().flat_map(|(_, node)| (*node).clone()).collect();
        Input::Scalar(sample::scalar(&merged, &location.hint))
    }

    fn properties(&self, nodes: &[(&String, &Map<String, Value>)]) -> Vec<Property> {
        let required: BTreeSet<&str> = nodes
            .iter()
            .filter_map(|(_, node)| list(node, "required"))
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut properties: Vec<Property> = Vec::new();
        for (part, node) in nodes {
            let Some(Value::Object(declared)) = node.get("properties") else {
                continue;
            };
            for (name, schema) in declared {
                let required = required.contains(name.as_str());
                let known = properties.iter().any(|known| known.name == *name);
                if !known && *schema != Value::Bool(false) && (required || !self.leads_back(schema)) {
                    let pointer = format!("{part}/properties/{}", escaped(name));
                    properties.push(Property {
                        name: name.clone(),
                        pointer,
                        required,
                    });
                }
            }
        }
        let of_map = nodes.iter().find_map(|(part, node)| self.entry(part, node));
        properties.extend(of_map.filter(|entry| properties.iter().all(|known| known.name != entry.name)));
        // Tags first, because serde needs the tag before the rest. Refused properties last, so that the others are
        // read.
        properties.sort_by_cached_key(|property| {
            let is_tag = self
                .node(&property.pointer)
                .is_some_and(|node| node.contains_key("const"));
            (
                self.discovered.failed.contains(&property.pointer),
                !is_tag,
                property.name.clone(),
            )
        });
        // A refused property may be accepted under another name, such as the key of a map.
        let renamed = self.plan.rename.as_ref().map(|rename| &rename.property);
        properties.retain(|property| {
            property.required
                || renamed == Some(&property.pointer)
                || !self.discovered.failed.contains(&property.pointer)
        });
        if let Some(Alone {
            property: alone,
            among,
        }) = &self.plan.alone
        {
            properties.retain(|property| property.pointer == *alone || !property.pointer.starts_with(among));
        }
        properties
    }

    fn entry(&self, part: &str, node: &Map<String, Value>) -> Option<Property> {
        let (name, pointer, schema) = match node.get("patternProperties").and_then(Value::as_object) {
            Some(patterns) if !patterns.is_empty() => {
                let (pattern, schema) = patterns.iter().next()?;
                let pointer = format!("{part}/patternProperties/{}", escaped(pattern));
                (sample::of_pattern(pattern)?, pointer, schema)
            }
            _ => {
                let schema = node.get("additionalProperties").filter(|it| it.is_object())?;
                ("key".to_owned(), format!("{part}/additionalProperties"), schema)
            }
        };
        (!self.leads_back(schema)).then_some(Property {
            name,
            pointer,
            required: false,
        })
    }

    fn items(&self, pointer: &str, node: &Map<String, Value>) -> Vec<String> {
        let mut items: Vec<String> = (0..list(node, "prefixItems").map_or(0, Vec::len))
            .map(|at| format!("{pointer}/prefixItems/{at}"))
            .collect();
        let count = |keyword| {
            let count = node.get(keyword).and_then(Value::as_u64)?;
            usize::try_from(count.min(1024)).ok()
        };
        if let Some(schema) = node.get("items").filter(|schema| **schema != Value::Bool(false)) {
            let wanted = usize::from(!self.leads_back(schema)).max(count("minItems").unwrap_or(0));
            let wanted = wanted.min(count("maxItems").unwrap_or(usize::MAX));
            while items.len() < wanted {
                items.push(format!("{pointer}/items"));
            }
        }
        items
    }

    pub(crate) fn value(&mut self, location: &Location) -> Value {
        let depth = self.depth();
        let value = match self.input(location) {
            _ if depth > 64 => Value::Null,
            Input::Scalar(value) => value,
            Input::Array(items) => items
                .into_iter()
                .map(|item| self.value(&location.at(item)))
                .collect(),
            Input::Object(properties) => {
                let entry = |property: Property| {
                    let value = self.value(&property.location());
                    (property.name, value)
                };
                Value::Object(properties.into_iter().map(entry).collect())
            }
        };
        self.close(depth);
        value
    }
}

impl Location {
    pub(crate) fn root() -> Self {
        Self {
            pointer: String::new(),
            hint: String::new(),
        }
    }

    /// Another schema for a value of the same name.
    pub(crate) fn at(&self, pointer: String) -> Self {
        Self {
            pointer,
            hint: self.hint.clone(),
        }
    }
}

impl Property {
    pub(crate) fn location(&self) -> Location {
        Location {
            pointer: self.pointer.clone(),
            hint: self.name.clone(),
        }
    }
}

fn is_object(node: &Map<String, Value>) -> bool {
    sample::kind(node) == Some("object") || node.contains_key("properties")
}

fn is_array(node: &Map<String, Value>) -> bool {
    sample::kind(node) == Some("array")
}

pub(crate) fn list<'a>(node: &'a Map<String, Value>, keyword: &str) -> Option<&'a Vec<Value>> {
    node.get(keyword)?.as_array()
}
