//! A contract: one event type in one version, as its file holds it.

pub(crate) mod canonical;
pub(crate) mod facts;
mod file;
pub(crate) mod folder;
pub(crate) mod pointer;

use serde_json::{Value, json};

use crate::keyword;

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
