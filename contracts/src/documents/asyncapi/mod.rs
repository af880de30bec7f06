//! AsyncAPI: what a service sends and receives, as a document that other teams and their tools read
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

/// The version of a document that says nothing of its own.
const VERSION: &str = "1.0.0";

/// Describes a service in AsyncAPI 3.0: what each handler receives, its queue, retries and dead letters, and the events
/// that it returns as what the service sends.
///
/// What else it publishes is not known of an app; [`AsyncApi::sending`] adds it.
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

/// An AsyncAPI document of one service, or of several.
///
/// Its `Display` is its text, that of [`to_json`](Self::to_json).
#[derive(Debug, Clone, PartialEq)]
pub struct AsyncApi {
    /// The service that is described; of a merged document, the first.
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

    /// Adds events that the service publishes other than by returning them from a handler: `events![OrderCreated]`.
    pub fn sending(mut self, events: &[EventDescriptor]) -> Self {
        for event in events {
            operation::sent(&mut self, event, None);
        }
        self
    }

    /// The title; the service's name unless said otherwise.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// The version of the document itself; `1.0.0` unless said otherwise.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// What the document is about, for people.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Writes AsyncAPI 3.1.0 instead of 3.0.0. Of what is written here nothing else differs between the two.
    pub fn v3_1(mut self) -> Self {
        self.specification = "3.1.0";
        self
    }

    /// The document as JSON: the same for the same service, on any machine.
    pub fn to_json(&self) -> String {
        canonical::file(&self.members())
    }

    /// Holds the document against a committed file of the package, and writes it when the test runs with `TIDINGS_CONTRACTS=write`.
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
    /// When the file holds another document, with the difference; and when it cannot be read or written.
    pub fn check(&self, path: impl AsRef<Path>) -> Result<()> {
        committed::check(&in_package(path.as_ref()), &self.to_json(), write_requested()?)
    }

    /// The document as a value.
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

/// A name as it may stand in the document, and behind a `/` in a reference: letters, digits, `.`, `-` and `_`.
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

/// The first paragraph of a text, and the rest of it.
fn summary(text: Option<&str>, into: &mut Map<String, Value>) {
    let Some(text) = text else { return };
    let (first, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    into.insert("summary".to_owned(), json!(first.trim().replace('\n', " ")));
    if !rest.trim().is_empty() {
        into.insert("description".to_owned(), json!(rest.trim()));
    }
}
