//! A contract: one version of one event type.

pub(crate) mod canonical;
pub(crate) mod facts;
mod file;
pub(crate) mod folder;
pub(crate) mod pointer;

use serde_json::{Value, json};

use crate::keyword;

/// One version of an event type: the schema of what its writers write, and of what its readers accept.
///
/// Both schemas are JSON Schema 2020-12 with additions for facts that the standard cannot express:
/// [`keyword::ALIASES`], [`keyword::OTHER`], and formats of Rust types such as `partial-date-time`. Every integer has
/// a `minimum` and a `maximum`. The file stores the additions apart from the schemas, so that strict validators accept
/// the schemas.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Contract {
    /// The wire name of the event type, such as `order.created`.
    pub event_type: String,
    /// The version of the event type.
    pub version: u32,
    /// The routing key in the attribute, with its `{field}`s.
    pub routing_key: String,
    /// The doc comment of the Rust type.
    pub description: Option<String>,
    /// The note of `#[deprecated]`, empty without a note; `None` when the event is not deprecated.
    pub deprecated: Option<String>,
    /// The schema of what the writer writes.
    pub writer: Value,
    /// The schema of what the reader accepts.
    pub reader: Value,
    /// Golden events: examples of `data`, as written by this version, that readers must always accept.
    pub examples: Vec<Value>,
}

impl Contract {
    /// Creates a contract from its schemas. Its routing key is the event type.
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

    /// The name of the contract's file, such as `order.created.v1.json`.
    pub fn file_name(&self) -> String {
        format!("{}.v{}.json", self.event_type, self.version)
    }

    /// The SHA-256 of the binding content: type, version, routing key and both schemas, without titles and
    /// descriptions.
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

/// Returns the schema without the keywords that only people read.
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
