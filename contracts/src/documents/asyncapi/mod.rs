//! AsyncAPI: a document of what a service sends and receives, for other teams and their tools
//! (<https://www.asyncapi.com/docs/reference/specification/v3.0.0>).

mod channel;
pub(crate) mod conflict;
mod message;
mod operation;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde_json::{Map, Value, json};
use tidings::EventDescriptor;
use tidings::describe::Description;

use crate::check::committed;
use crate::check::environment::{in_package, write_requested};
use crate::contract::canonical;
use crate::error::Result;

const VERSION: &str = "1.0.0";

/// Describes a service in AsyncAPI 3.0: the events that each handler receives and sends, its queue, retries and dead
/// letters.
///
/// An app does not know which other events it publishes. [`AsyncApi::sending`] adds them.
///
/// ```
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize};
/// # use tidings::{App, DomainEvent, event_handler, events, handlers};
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] struct OrderCreated { order_id: String }
/// # #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)] struct OrderRefunded { order_id: String }
/// # #[event_handler] async fn take_payment(order: OrderCreated) {}
/// let app = App::new("payments").handlers(handlers![take_payment]);
/// let document = tidings_contracts::asyncapi(&app.describe()).sending(events![OrderRefunded]);
/// assert!(document.to_json().starts_with("{\n  \"asyncapi\": \"3.0.0\""));
/// ```
pub fn asyncapi(service: &Description) -> AsyncApi {
    let mut document = AsyncApi::empty(&service.service, &service.exchange);
    for handler in &service.handlers {
        operation::received(&mut document, service, handler);
        for event in &handler.returns {
            operation::sent(&mut document, event, Some(handler.handler.name()));
        }
    }
    document
}

/// An AsyncAPI document of one service or several.
///
/// Its `Display` is its JSON text, as from [`to_json`](Self::to_json).
#[derive(Debug, Clone, PartialEq)]
pub struct AsyncApi {
    /// The described service; in a merged document, the first.
    service: String,
    exchange: String,
    specification: &'static str,
    title: String,
    version: String,
    description: Option<String>,
    channels: BTreeMap<String, Value>,
    operations: BTreeMap<String, Value>,
    messages: BTreeMap<String, Value>,
    schemas: BTreeMap<String, Value>,
}

impl AsyncApi {
    fn empty(service: &str, exchange: &str) -> Self {
        Self {
            service: service.to_owned(),
            exchange: exchange.to_owned(),
            specification: "3.0.0",
            title: service.to_owned(),
            version: VERSION.to_owned(),
            description: None,
            channels: BTreeMap::new(),
            operations: BTreeMap::new(),
            messages: BTreeMap::new(),
            schemas: BTreeMap::new(),
        }
    }

    /// Adds events that the service publishes, but not as the result of a handler: `events![OrderCreated]`.
    pub fn sending(mut self, events: &[EventDescriptor]) -> Self {
        for event in events {
            operation::sent(&mut self, event, None);
        }
        self
    }

    /// Sets the title. The default is the name of the service.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Sets the version of the document. The default is `1.0.0`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Sets a description of the document.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Writes AsyncAPI 3.1.0 instead of 3.0.0. The rest of the document is the same.
    pub fn v3_1(mut self) -> Self {
        self.specification = "3.1.0";
        self
    }

    /// The document as JSON text. It is the same on every machine.
    pub fn to_json(&self) -> String {
        canonical::file(&self.members())
    }

    /// Compares the document with a committed file of the package. `TIDINGS_CONTRACTS=write` writes the file.
    ///
    /// ```no_run
    /// # use tidings::App;
    /// # fn app() -> App { App::new("payments") }
    /// #[test]
    /// fn asyncapi_is_current() {
    ///     tidings_contracts::asyncapi(&app().describe()).check("asyncapi.json").unwrap();
    /// }
    /// ```
    ///
    /// # Errors
    /// When the file differs, with the diff, and when it cannot be read or written.
    pub fn check(&self, path: impl AsRef<Path>) -> Result<()> {
        committed::check(&in_package(path.as_ref()), &self.to_json(), write_requested()?)
    }

    /// The document as a JSON value.
    pub fn to_value(&self) -> Value {
        let members = self.members().into_iter();
        Value::Object(members.map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn members(&self) -> Vec<(&'static str, Value)> {
        let mut info = json!({"title": self.title, "version": self.version});
        if let Some(description) = &self.description {
            info["description"] = json!(description);
        }
        vec![
            ("asyncapi", json!(self.specification)),
            ("info", info),
            ("defaultContentType", json!("application/json")),
            ("channels", json!(self.channels)),
            ("operations", json!(self.operations)),
            (
                "components",
                json!({"messages": self.messages, "schemas": self.schemas}),
            ),
        ]
    }
}

impl fmt::Display for AsyncApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_json().trim_end())
    }
}

/// Replaces the characters that a name in a reference cannot have: only letters, digits, `.`, `-` and `_` stay.
fn identifier(name: &str) -> String {
    name.chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() || ".-_".contains(letter) {
                letter
            } else {
                '_'
            }
        })
        .collect()
}

fn reference(path: &str) -> Value {
    json!({ "$ref": format!("#/{path}") })
}

/// Splits a text into a summary (its first paragraph) and a description (the rest).
fn summary(text: Option<&str>, into: &mut Map<String, Value>) {
    let Some(text) = text else { return };
    let (first, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    into.insert("summary".to_owned(), json!(first.trim().replace('\n', " ")));
    if !rest.trim().is_empty() {
        into.insert("description".to_owned(), json!(rest.trim()));
    }
}
