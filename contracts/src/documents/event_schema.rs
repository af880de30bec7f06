//! The schema of a whole event: the envelope with the data.

use serde_json::{Map, Value, json};

use crate::contract::{Contract, canonical, facts};
use crate::documents::draft7::draft7;
use crate::keyword;

/// The side from which to describe an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What the writer writes: for readers of the event.
    Writer,
    /// What the reader accepts: for writers of the event.
    Reader,
}

pub(crate) const DEFINITIONS: &str = "#/$defs/";

impl Contract {
    /// The JSON Schema (2020-12) of the whole event on the wire, with standard keywords only. Code generators and
    /// validators can read it.
    ///
    /// ```
    /// # use serde_json::json;
    /// use tidings_contracts::{Contract, Side};
    ///
    /// let data = json!({"type": "object", "title": "OrderCreated"});
    /// let schema = Contract::new("order.created", 1, data.clone(), data).event_schema(Side::Writer);
    /// assert_eq!(schema["title"], "OrderCreatedV1");
    /// assert_eq!(schema["properties"]["data"]["$ref"], "#/$defs/OrderCreated");
    /// ```
    pub fn event_schema(&self, side: Side) -> Value {
        let (data, definitions) = self.data_schema(side);
        let mut schema = Map::new();
        schema.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        schema.insert("title".to_owned(), json!(self.title()));
        if let Some(description) = &self.description {
            schema.insert("description".to_owned(), json!(description));
        }
        if self.deprecated.is_some() {
            schema.insert("deprecated".to_owned(), json!(true));
        }
        schema.extend(envelope(
            &json!({"const": self.event_type}),
            Some(self.version),
            side,
        ));
        schema["properties"]["data"] = data;
        schema.insert("$defs".to_owned(), Value::Object(definitions));
        Value::Object(schema)
    }

    /// The schema of the whole event in draft-07, for tools that support no later draft.
    pub fn event_schema_draft7(&self, side: Side) -> Value {
        draft7(self.event_schema(side))
    }

    /// The name of the event for generated types: `OrderCreatedV1`.
    pub(crate) fn title(&self) -> String {
        let words = self
            .event_type
            .split(|letter: char| !letter.is_ascii_alphanumeric());
        let mut title = String::new();
        for word in words {
            let mut letters = word.chars();
            title.extend(letters.next().map(|first| first.to_ascii_uppercase()));
            title.push_str(letters.as_str());
        }
        format!("{title}V{}", self.version)
    }

    /// Returns a reference to the schema of the data, and all definitions, with the data's own among them.
    pub(crate) fn data_schema(&self, side: Side) -> (Value, Map<String, Value>) {
        let mut data = match side {
            Side::Writer => self.writer.clone(),
            Side::Reader => self.reader.clone(),
        };
        canonical::sort_sets(&mut data);
        facts::split(&mut data);
        let Value::Object(root) = &mut data else {
            return (data, Map::new());
        };
        root.remove("$schema");
        let mut definitions = match root.remove("$defs") {
            Some(Value::Object(definitions)) => definitions,
            _ => Map::new(),
        };
        // A root that is a reference needs no definition.
        if root.len() == 1 && root.contains_key("$ref") {
            return (data, definitions);
        }
        let title = root.get("title").and_then(Value::as_str).unwrap_or("Data");
        let mut name = title.to_owned();
        while definitions.contains_key(&name) {
            name.push('_');
        }
        let reference = format!("{DEFINITIONS}{name}");
        definitions.insert(name, data);
        for definition in definitions.values_mut() {
            keyword::walk(definition, &mut |_, schema| {
                if schema.get("$ref").is_some_and(|root| root == "#") {
                    schema.insert("$ref".to_owned(), json!(reference));
                }
            });
        }
        (json!({ "$ref": reference }), definitions)
    }
}

/// The members of the envelope's schema, with `data` open. A writer writes all of them; a reader requires few of them.
/// An event without a version has version 1.
pub(crate) fn envelope(event_type: &Value, version: Option<u32>, side: Side) -> Map<String, Value> {
    let text = |description: &str| json!({"type": "string", "description": description});
    let mut required = match side {
        Side::Writer => vec!["id", "type", "timestamp", "correlationId", "version", "data"],
        Side::Reader => vec!["type", "data"],
    };
    let version = match version {
        Some(version) => {
            if version > 1 && side == Side::Reader {
                required.push("version");
            }
            json!({"type": "integer", "const": version})
        }
        None => json!({"type": "integer", "minimum": 1, "maximum": u32::MAX}),
    };
    required.sort_unstable();
    let mut event_type = event_type.clone();
    event_type["type"] = json!("string");
    let envelope = json!({
        "type": "object",
        "required": required,
        "properties": {
            "id": text("The event's id: the same for every copy of the same fact."),
            "type": event_type,
            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
            "aggregateId": text("What the event is about."),
            "correlationId": text("What started the chain of events that this one belongs to."),
            "causationId": text("The id of the event that caused this one."),
            "version": version,
            "source": text("The service that published it."),
            "data": true,
        },
    });
    match envelope {
        Value::Object(envelope) => envelope,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recursive_root_is_a_definition_of_its_own() {
        let tree = json!({
            "title": "Tree", "type": "object",
            "properties": {"children": {"type": "array", "items": {"$ref": "#"}}, "x": {"$ref": "#/$defs/Tree"}},
            "$defs": {"Tree": {"type": "null"}},
        });
        let schema = Contract::new("tree.grown", 1, tree.clone(), tree).event_schema(Side::Reader);
        assert_eq!(schema["properties"]["data"]["$ref"], "#/$defs/Tree_");
        assert_eq!(
            schema["$defs"]["Tree_"]["properties"]["children"]["items"]["$ref"],
            "#/$defs/Tree_"
        );
        assert_eq!(schema["$defs"]["Tree"]["type"], "null");
    }

    #[test]
    fn nonstandard_keywords_are_left_out() {
        let data = json!({"type": "object", "x-tidings-aliases": {"a": ["b"]},
            "properties": {"a": {"type": "integer", "format": "uint64"}}});
        let text = Contract::new("a.b", 1, data.clone(), data)
            .event_schema(Side::Reader)
            .to_string();
        assert!(!text.contains("x-tidings") && !text.contains("uint64"), "{text}");
    }

    #[test]
    fn a_later_version_must_be_named_by_its_writer() {
        let required = |version| {
            Contract::new("a.b", version, json!({}), json!({})).event_schema(Side::Reader)["required"].clone()
        };
        assert_eq!(required(1), json!(["data", "type"]));
        assert_eq!(required(2), json!(["data", "type", "version"]));
    }
}
