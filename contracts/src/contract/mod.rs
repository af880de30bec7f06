//! A contract: one event type in one version, as its file holds it.

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::{canonical, facts, keyword};

/// One event type in one version: what its writers write, and what its readers accept.
///
/// Both schemas are JSON Schema 2020-12. Beyond the standard they hold what serde knows and a JSON Schema has no word
/// for: [`keyword::ALIASES`], [`keyword::OTHER`], formats of Rust types such as `partial-date-time`. Every integer has its
/// `minimum` and `maximum`. In the file those words lie apart from the schemas, so that strict validators take them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Contract {
    /// The wire name of the event type, `order.created`.
    pub event_type: String,
    /// The version.
    pub version: u32,
    /// The routing key as it was written, with its `{field}`s.
    pub routing_key: String,
    /// The doc comment of the Rust type.
    pub description: Option<String>,
    /// The note of `#[deprecated]`, empty when it has none; absent when the event is not deprecated.
    pub deprecated: Option<String>,
    /// The schema of what is written.
    pub writer: Value,
    /// The schema of what is accepted.
    pub reader: Value,
    /// Golden events: `data` as it was written once and must be read for ever.
    pub examples: Vec<Value>,
}

impl Contract {
    /// A contract with nothing but its schemas; the routing key is the type.
    pub fn new(event_type: impl Into<String>, version: u32, writer: Value, reader: Value) -> Self {
        let event_type = event_type.into();
        Self {
            routing_key: event_type.clone(),
            event_type,
            version,
            description: None,
            deprecated: None,
            writer,
            reader,
            examples: Vec::new(),
        }
    }

    /// The name of its file, `order.created.v1.json`.
    pub fn file_name(&self) -> String {
        format!("{}.v{}.json", self.event_type, self.version)
    }

    /// The SHA-256 of all that binds: type, version, routing key and both schemas, without titles and documentation.
    pub fn digest(&self) -> String {
        canonical::digest(&json!({
            "type": self.event_type,
            "version": self.version,
            "routingKey": self.routing_key,
            "writer": binding(&self.writer),
            "reader": binding(&self.reader),
        }))
    }

    /// The text of its file: the same for the same contract, on any machine.
    pub fn to_json(&self) -> String {
        let (mut writer, mut reader) = (self.writer.clone(), self.reader.clone());
        canonical::sort_sets(&mut writer);
        canonical::sort_sets(&mut reader);
        let facts: Map<String, Value> = [("writer", &mut writer), ("reader", &mut reader)]
            .into_iter()
            .map(|(name, schema)| (name.to_owned(), Value::Object(facts::split(schema))))
            .filter(|(_, facts)| facts.as_object().is_some_and(|facts| !facts.is_empty()))
            .collect();
        let mut members = vec![
            ("type", json!(self.event_type)),
            ("version", json!(self.version)),
            ("routingKey", json!(self.routing_key)),
        ];
        let texts = [
            ("description", &self.description),
            ("deprecated", &self.deprecated),
        ];
        members.extend(
            texts
                .into_iter()
                .filter_map(|(name, text)| Some((name, json!(text.as_ref()?)))),
        );
        members.push(("writer", writer));
        members.push(("reader", reader));
        if !facts.is_empty() {
            members.push(("facts", Value::Object(facts)));
        }
        members.push(("examples", json!(self.examples)));
        members.push(("digest", json!(self.digest())));
        canonical::file(&members)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// When it is no contract, or holds a digest that is not its own: someone edited it.
    pub fn from_json(text: &str) -> Result<Self> {
        Self::read(text).map_err(|reason| Error::Malformed { reason })
    }

    pub(crate) fn read(text: &str) -> std::result::Result<Self, String> {
        let Value::Object(mut file) = serde_json::from_str(text).map_err(|error| error.to_string())? else {
            return Err("it is no JSON object".to_owned());
        };
        let version = file.remove("version").as_ref().and_then(Value::as_u64);
        let mut contract = Self {
            event_type: text_of(&mut file, "type")?.ok_or("`type` is missing")?,
            version: version
                .and_then(|version| u32::try_from(version).ok())
                .ok_or("`version` is missing, or no number from 0 to 4294967295")?,
            routing_key: text_of(&mut file, "routingKey")?.ok_or("`routingKey` is missing")?,
            description: text_of(&mut file, "description")?,
            deprecated: text_of(&mut file, "deprecated")?,
            writer: file.remove("writer").ok_or("`writer` is missing")?,
            reader: file.remove("reader").ok_or("`reader` is missing")?,
            examples: match file.remove("examples") {
                None => Vec::new(),
                Some(Value::Array(examples)) => examples,
                Some(_) => return Err("`examples` is no array".to_owned()),
            },
        };
        if let Some(facts) = file.remove("facts") {
            for (name, schema) in [("writer", &mut contract.writer), ("reader", &mut contract.reader)] {
                let Some(Value::Object(facts)) = facts.get(name) else {
                    continue;
                };
                facts::merge(schema, facts)
                    .map_err(|at| format!("`facts` names `{name}{at}`, and there is no such schema"))?;
            }
        }
        match text_of(&mut file, "digest")? {
            Some(digest) if digest != contract.digest() => {
                Err("it was edited: its digest is of another content; \
                 take it again from where it comes from, or from version control"
                    .to_owned())
            }
            _ => Ok(contract),
        }
    }
}

fn text_of(file: &mut Map<String, Value>, name: &str) -> std::result::Result<Option<String>, String> {
    match file.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{name}` is no text")),
    }
}

/// A schema without what people alone read.
fn binding(schema: &Value) -> Value {
    let mut schema = schema.clone();
    canonical::sort_sets(&mut schema);
    keyword::walk(&mut schema, &mut |_, schema| {
        for keyword in ["title", "description", "examples", "$comment", "$schema"] {
            schema.remove(keyword);
        }
    });
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Contract {
        let mut contract = Contract::new(
            "order.created",
            2,
            json!({
                "type": "object",
                "required": ["b", "a"],
                "properties": {"a": {"type": "string", "format": "partial-date-time"}, "b": {"$ref": "#/$defs/Kind"}},
                "$defs": {"Kind": {"type": "string", "enum": ["x"], "x-tidings-other": true}},
            }),
            json!({"type": "object", "properties": {"a/~b": {"type": "object", "x-tidings-aliases": {"c": ["e", "d"]}}}}),
        );
        contract.description = Some("A customer placed an order.".to_owned());
        contract.examples = vec![json!({"a": "2026-11-23T10:00:00", "b": "x"})];
        contract
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut order = order();
        let read = Contract::from_json(&order.to_json()).unwrap();
        canonical::sort_sets(&mut order.writer);
        canonical::sort_sets(&mut order.reader);
        assert_eq!(read, order);
        assert_eq!(read.to_json(), order.to_json());
    }

    #[test]
    fn the_schemas_in_the_file_hold_only_what_the_standard_defines() {
        let file: Value = serde_json::from_str(&order().to_json()).unwrap();
        assert_eq!(file["writer"]["properties"]["a"], json!({"type": "string"}));
        assert_eq!(
            file["facts"],
            json!({
                "writer": {"/properties/a": {"format": "partial-date-time"}, "/$defs/Kind": {"x-tidings-other": true}},
                "reader": {"/properties/a~1~0b": {"x-tidings-aliases": {"c": ["d", "e"]}}},
            })
        );
    }

    #[test]
    fn a_file_that_someone_edited_says_so() {
        let edited = order().to_json().replace(
            "\"routingKey\": \"order.created\"",
            "\"routingKey\": \"order.placed\"",
        );
        let error = Contract::from_json(&edited).unwrap_err();
        assert!(error.to_string().contains("it was edited"), "{error}");
    }

    #[test]
    fn the_digest_is_blind_to_words_for_people() {
        let (plain, mut documented) = (order(), order());
        documented.writer["title"] = json!("Order");
        documented.writer["properties"]["a"]["description"] = json!("When.");
        documented.description = None;
        assert_eq!(plain.digest(), documented.digest());
        documented.writer["properties"]["a"]["type"] = json!("null");
        assert_ne!(plain.digest(), documented.digest());
    }
}
