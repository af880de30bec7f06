//! Reads and writes the file of a contract.

use serde_json::{Map, Value, json};

use super::{Contract, canonical, facts};
use crate::error::{Error, Result};

impl Contract {
    /// The text of the contract's file. It is the same on every machine.
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

    /// Reads a contract from the text of its file.
    ///
    /// # Errors
    /// When the text is not a contract, or when its digest shows that someone edited it.
    pub fn from_json(text: &str) -> Result<Self> {
        Self::read(text).map_err(|reason| Error::Malformed { reason })
    }

    pub(crate) fn read(text: &str) -> std::result::Result<Self, String> {
        let Value::Object(mut file) = serde_json::from_str(text).map_err(|error| error.to_string())? else {
            return Err("it is not a JSON object".to_owned());
        };
        let version = file.remove("version").as_ref().and_then(Value::as_u64);
        let mut contract = Self {
            event_type: text_of(&mut file, "type")?.ok_or("`type` is missing")?,
            version: version
                .and_then(|version| u32::try_from(version).ok())
                .ok_or("`version` is missing, or not a number from 0 to 4294967295")?,
            routing_key: text_of(&mut file, "routingKey")?.ok_or("`routingKey` is missing")?,
            description: text_of(&mut file, "description")?,
            deprecated: text_of(&mut file, "deprecated")?,
            writer: file.remove("writer").ok_or("`writer` is missing")?,
            reader: file.remove("reader").ok_or("`reader` is missing")?,
            examples: match file.remove("examples") {
                None => Vec::new(),
                Some(Value::Array(examples)) => examples,
                Some(_) => return Err("`examples` is not an array".to_owned()),
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
        Some(_) => Err(format!("`{name}` is not a text")),
    }
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
    fn a_written_contract_is_read_unchanged() {
        let mut order = order();
        let read = Contract::from_json(&order.to_json()).unwrap();
        canonical::sort_sets(&mut order.writer);
        canonical::sort_sets(&mut order.reader);
        assert_eq!(read, order);
        assert_eq!(read.to_json(), order.to_json());
    }

    #[test]
    fn the_schemas_in_the_file_have_standard_keywords_only() {
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
    fn an_edited_file_is_refused() {
        let edited = order().to_json().replace(
            "\"routingKey\": \"order.created\"",
            "\"routingKey\": \"order.placed\"",
        );
        let error = Contract::from_json(&edited).unwrap_err();
        assert!(error.to_string().contains("it was edited"), "{error}");
    }

    #[test]
    fn the_digest_ignores_titles_and_descriptions() {
        let (plain, mut documented) = (order(), order());
        documented.writer["title"] = json!("Order");
        documented.writer["properties"]["a"]["description"] = json!("When.");
        documented.description = None;
        assert_eq!(plain.digest(), documented.digest());
        documented.writer["properties"]["a"]["type"] = json!("null");
        assert_ne!(plain.digest(), documented.digest());
    }
}
