//! Reads a schema into shapes.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};

pub(crate) mod variants;

use crate::compat::keywords::{Choice, Keywords, resolve};
use crate::compat::shape::{Field, Group, Id, Integer, Keys, Kind, Node, Object, Rest, Shapes};
use crate::compat::text;

impl Shapes {
    pub(crate) fn read(schema: &Value) -> Self {
        let mut reader = Reader {
            document: schema,
            nodes: Vec::new(),
            references: HashMap::new(),
            groups: HashSet::new(),
        };
        let root = reader.reference("#");
        let any = reader.push(Node::new(Kind::Any));
        let entries = Rest::Entries {
            keys: Keys::Any,
            value: any,
        };
        let map = Object {
            rest: entries,
            ..Object::default()
        };
        let kinds = [
            Kind::Bool,
            Kind::Float { single: false },
            Kind::Text { format: None },
            Kind::List(any),
            Kind::Object(map),
        ];
        Self {
            kinds_of_json: kinds.map(|kind| reader.push(Node::new(kind))).to_vec(),
            nodes: reader.nodes,
            root,
        }
    }
}

pub(crate) struct Reader<'a> {
    pub(crate) document: &'a Value,
    nodes: Vec<Node>,
    references: HashMap<&'a str, Id>,
    /// The flattened enums that are being read, by the address of their alternatives. An enum may contain itself.
    groups: HashSet<*const Value>,
}

impl<'a> Reader<'a> {
    pub(crate) fn push(&mut self, node: Node) -> Id {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    pub(crate) fn keywords(&self, schema: &'a Map<String, Value>) -> Keywords<'a> {
        Keywords::of(schema, self.document)
    }

    pub(crate) fn read(&mut self, schema: &'a Value) -> Id {
        if let Some(reference) = lone_reference(schema) {
            return self.reference(reference);
        }
        let node = self.node(schema);
        self.push(node)
    }

    /// Returns the shape of a reference. The shape may not be complete yet.
    fn reference(&mut self, name: &'a str) -> Id {
        if let Some(id) = self.references.get(name) {
            return *id;
        }
        let id = self.push(Node::new(Kind::Nothing));
        self.references.insert(name, id);
        self.nodes[id] = match resolve(self.document, name) {
            Some(schema) => match lone_reference(schema) {
                Some(next) => Node::new(Kind::Same(self.reference(next))),
                None => self.node(schema),
            },
            None => Node::new(Kind::Unclear(Value::from(name))),
        };
        id
    }

    fn node(&mut self, schema: &'a Value) -> Node {
        let Value::Object(schema_object) = schema else {
            return Node::new(if *schema == Value::Bool(false) {
                Kind::Nothing
            } else {
                Kind::Any
            });
        };
        let keywords = self.keywords(schema_object);
        if keywords.undecidable {
            return Node::new(Kind::Unclear(schema.clone()));
        }
        match keywords.choices.as_slice() {
            [] => self.plain(&keywords),
            [choice] if keywords.fields.is_empty() && !keywords.is_object() => self.choice(&choice.clone()),
            _ => Node::new(Kind::Object(self.object(&keywords, None))),
        }
    }

    /// Reads a schema without `anyOf` and `oneOf`.
    fn plain(&mut self, keywords: &Keywords<'a>) -> Node {
        if let Some(literals) = &keywords.literals {
            return self.literals(literals, keywords);
        }
        let Some(types) = &keywords.types else {
            return self.untyped(keywords);
        };
        let nullable = types.contains("null");
        let mut nodes: Vec<Node> = types
            .iter()
            .filter_map(|name| self.typed(name, keywords))
            .collect();
        let mut node = match nodes.len() {
            0 => Node::new(Kind::Nothing),
            1 => nodes.remove(0),
            _ => {
                let members = nodes.into_iter().map(|node| self.push(node)).collect();
                Node::new(Kind::Union(members))
            }
        };
        node.nullable |= nullable;
        node
    }

    fn untyped(&mut self, keywords: &Keywords<'a>) -> Node {
        let name = if keywords.is_object() {
            "object"
        } else if keywords.items.is_some() || keywords.prefix.is_some() {
            "array"
        } else {
            return Node::new(Kind::Any);
        };
        self.typed(name, keywords).unwrap_or_else(|| Node::new(Kind::Any))
    }

    /// Reads the shape of one JSON type; `None` for `null`.
    fn typed(&mut self, name: &str, keywords: &Keywords<'a>) -> Option<Node> {
        let mut node = match name {
            "boolean" => Node::new(Kind::Bool),
            "integer" => return Some(integer(keywords)),
            "number" => Node::new(Kind::Float {
                single: keywords.format == Some("float"),
            }),
            "string" => return Some(text::read(keywords)),
            "array" => return Some(self.list(keywords)),
            "object" => Node::new(Kind::Object(self.object(keywords, None))),
            _ => return None,
        };
        node.constraints = keywords.constraints_of(match name {
            "number" => NUMBER,
            "object" => &["minProperties", "maxProperties"],
            _ => &[],
        });
        Some(node)
    }

    fn literals(&mut self, literals: &[&'a Value], keywords: &Keywords<'a>) -> Node {
        let nullable = literals.iter().any(|value| value.is_null());
        let texts: Vec<&str> = literals.iter().filter_map(|value| value.as_str()).collect();
        let others: Vec<Value> = literals
            .iter()
            .filter(|value| !value.is_null() && !value.is_string())
            .map(|value| (*value).clone())
            .collect();
        let plain = || Kind::Enum(variants::plain(&texts, &keywords.facts));
        let mut node = Node::new(match (texts.is_empty(), others.is_empty()) {
            (true, true) => Kind::Nothing,
            (false, true) => plain(),
            (true, false) => Kind::Literals(others),
            (false, false) => {
                let members = [plain(), Kind::Literals(others)].map(|kind| self.push(Node::new(kind)));
                Kind::Union(members.to_vec())
            }
        });
        node.nullable = nullable;
        node
    }

    fn list(&mut self, keywords: &Keywords<'a>) -> Node {
        let count = |keyword: &str| {
            let count = keywords.constraints.get(keyword).and_then(Value::as_u64);
            count.and_then(|count| usize::try_from(count).ok())
        };
        let (least, most) = (count("minItems"), count("maxItems"));
        if let Some(prefix) = keywords.prefix {
            let items = prefix.iter().map(|item| self.read(item)).collect();
            return Node::new(Kind::Tuple(items));
        }
        if most == Some(0) {
            return Node::new(Kind::Tuple(Vec::new()));
        }
        let item = match keywords.items {
            Some(item) => self.read(item),
            None => self.push(Node::new(Kind::Any)),
        };
        match (least, most) {
            // A Rust array: serde accepts this length only.
            (Some(least), Some(most)) if least == most => Node::new(Kind::Tuple(vec![item; most.min(1024)])),
            _ => Node {
                constraints: keywords.constraints_of(&["minItems", "maxItems", "uniqueItems"]),
                ..Node::new(Kind::List(item))
            },
        }
    }

    /// Reads an object without the field `tag`.
    pub(crate) fn object(&mut self, keywords: &Keywords<'a>, tag: Option<&str>) -> Object {
        let mut fields = BTreeMap::new();
        for (name, schema) in &keywords.fields {
            if Some(*name) == tag {
                continue;
            }
            let aliases = keywords.facts.aliases.get(name);
            fields.insert(
                (*name).to_owned(),
                Field {
                    shape: self.read(schema),
                    required: keywords.required.contains(name),
                    aliases: aliases
                        .into_iter()
                        .flatten()
                        .map(|alias| (*alias).to_owned())
                        .collect(),
                    default: schema.get("default").cloned(),
                },
            );
        }
        let groups = keywords.choices.iter().map(|choice| self.group(choice)).collect();
        // A map whose keys are the variants of an enum has one property per key.
        let entries = (keywords.facts.keys.is_some() && tag.is_none())
            .then(|| fields.values().next().map(|field| field.shape));
        if let (Some(Some(value)), Some(keys)) = (entries, keywords.facts.keys)
            && keywords.rest == Some(&Value::Bool(false))
        {
            let rest = Rest::Entries {
                keys: Keys::Shape(self.read(keys)),
                value,
            };
            return Object {
                rest,
                ..Object::default()
            };
        }
        Object {
            fields,
            rest: self.rest(keywords),
            groups,
        }
    }

    fn rest(&mut self, keywords: &Keywords<'a>) -> Rest {
        let integers = |signed: bool| {
            let format = if signed { "int128" } else { "uint128" };
            Integer::of_format(format).map_or(Keys::Any, Keys::Integer)
        };
        let (keys, value) = match (keywords.rest, keywords.patterns.first_key_value()) {
            (None | Some(Value::Bool(false)), Some((&r"^\d+$", value))) => (integers(false), *value),
            (None | Some(Value::Bool(false)), Some((&r"^-?\d+$", value))) => (integers(true), *value),
            (None | Some(Value::Bool(false)), Some((_, value))) => (Keys::Any, *value),
            (None, None) => return Rest::Ignored,
            (Some(Value::Bool(false)), None) => return Rest::Denied,
            (Some(value), _) => (Keys::Any, value),
        };
        let keys = match keywords.facts.keys {
            Some(schema) => {
                let id = self.read(schema);
                match &self.nodes[id].kind {
                    Kind::Integer(integer) => Keys::Integer(*integer),
                    _ => Keys::Shape(id),
                }
            }
            None => keys,
        };
        Rest::Entries {
            keys,
            value: self.read(value),
        }
    }

    /// Reads an enum that is flattened into an object.
    fn group(&mut self, choice: &Choice<'a>) -> Group {
        let place = choice.alternatives.as_ptr();
        if !self.groups.insert(place) {
            let itself = Kind::Unclear(Value::Array(choice.alternatives.to_vec()));
            return Group {
                alternatives: vec![self.push(Node::new(itself))],
            };
        }
        let is_empty = |schema: &&Value| schema.as_object().is_some_and(Map::is_empty);
        let rest: Vec<_> = choice
            .alternatives
            .iter()
            .filter(|schema| !is_empty(schema))
            .collect();
        let mut alternatives = Vec::new();
        // A flattened `Option` is absent as a whole.
        if rest.len() < choice.alternatives.len() {
            alternatives.push(self.push(Node::new(Kind::Object(Object::default()))));
        }
        let inner = match rest.as_slice() {
            [one] => one.as_object().map(|schema| self.keywords(schema)),
            _ => None,
        };
        match inner {
            Some(inner) if inner.choices.len() == 1 && inner.fields.is_empty() => {
                alternatives.extend(self.group(&inner.choices[0]).alternatives);
            }
            _ => {
                let node = variants::read(self, &rest, choice);
                alternatives.push(self.push(node));
            }
        }
        if choice.facts.other
            && let Some(unknown) = variants::unknown(self, choice)
        {
            alternatives.push(unknown);
        }
        self.groups.remove(&place);
        Group { alternatives }
    }

    fn choice(&mut self, choice: &Choice<'a>) -> Node {
        let is_null = |schema: &&Value| schema.get("type").is_some_and(|name| name == "null");
        let nullable = choice.alternatives.iter().any(|schema| is_null(&schema));
        let rest: Vec<&Value> = choice
            .alternatives
            .iter()
            .filter(|schema| !is_null(schema))
            .collect();
        let mut node = match rest.as_slice() {
            [] => Node::new(Kind::Nothing),
            // `Option<T>`.
            [one] if nullable => Node::new(Kind::Same(self.read(one))),
            several => variants::read(self, several, choice),
        };
        node.nullable |= nullable;
        node
    }
}

const NUMBER: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];

/// Returns the reference in a schema that is a reference only.
fn lone_reference(schema: &Value) -> Option<&str> {
    let schema = schema.as_object()?;
    let silent = |keyword: &str| {
        matches!(
            keyword,
            "$ref"
                | "allOf"
                | "title"
                | "description"
                | "default"
                | "examples"
                | "deprecated"
                | "readOnly"
                | "writeOnly"
                | "$comment"
        )
    };
    if !schema.keys().all(|keyword| silent(keyword)) {
        return None;
    }
    match schema.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
        // `RemoveRefSiblings` writes a reference with a description like this.
        Some([one]) if !schema.contains_key("$ref") => lone_reference(one),
        Some(_) => None,
        None => schema.get("$ref")?.as_str(),
    }
}

fn integer(keywords: &Keywords<'_>) -> Node {
    let bound = |keyword: &str| keywords.constraints.get(keyword).and_then(whole);
    let (least, most) = (bound("minimum"), bound("maximum"));
    let mut constraints = keywords.constraints_of(NUMBER);
    let Some(mut integer) = keywords.format.and_then(Integer::of_format) else {
        constraints.retain(|keyword, _| keyword != "minimum" && keyword != "maximum");
        let integer = Integer {
            min: least.unwrap_or(i128::MIN),
            max: most.unwrap_or(i128::MAX),
            nonzero: Some(keywords.facts.nonzero.unwrap_or(false)),
        };
        return Node {
            constraints,
            ..Node::new(Kind::Integer(integer))
        };
    };
    // `NonZeroU32` and `range(min = 1)` look the same. The first refuses zero, the second does not.
    let looks_nonzero = integer.min == 0 && least == Some(1) && most.is_none_or(|most| most >= integer.max);
    integer.nonzero = match keywords.facts.nonzero {
        None if looks_nonzero => None,
        known => Some(known.unwrap_or(false)),
    };
    constraints.retain(|keyword, value| match keyword.as_str() {
        "minimum" => whole(value).is_none_or(|value| value > integer.min) && integer.nonzero != Some(true),
        "maximum" => whole(value).is_none_or(|value| value < integer.max),
        _ => true,
    });
    Node {
        constraints,
        ..Node::new(Kind::Integer(integer))
    }
}

/// Reads a bound. Numbers beyond 64 bits are floats here, so such a bound is the widest.
fn whole(value: &Value) -> Option<i128> {
    if let Some(value) = value.as_i64() {
        return Some(value.into());
    }
    if let Some(value) = value.as_u64() {
        return Some(value.into());
    }
    let value = value.as_f64()?;
    Some(if value < 0.0 { i128::MIN } else { i128::MAX })
}
