//! The source of the generated crates: the same structs and functions, with more macros in each layer.

use std::fmt::Write as _;

/// The macros on the structs and functions. Each layer adds to the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    Plain,
    /// `#[derive(Serialize, Deserialize)]`.
    Serde,
    /// Adds `#[derive(JsonSchema)]`.
    Schemars,
    /// Adds `#[derive(DomainEvent)]`.
    Derive,
    /// Adds `#[event_handler]` to the functions.
    Attribute,
    /// Adds one `handlers![..]` with all functions.
    List,
}

impl Layer {
    pub(crate) const ALL: [Self; 6] = [
        Self::Plain,
        Self::Serde,
        Self::Schemars,
        Self::Derive,
        Self::Attribute,
        Self::List,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Serde => "serde",
            Self::Schemars => "schemars",
            Self::Derive => "derive",
            Self::Attribute => "attribute",
            Self::List => "list",
        }
    }
}

/// The manifest of a generated crate. All layers have all dependencies, so that only the macros differ.
pub(crate) fn manifest(root: &str) -> String {
    format!(
        "[package]\nname = \"generated\"\nedition = \"2024\"\n\n[dependencies]\n\
         schemars = \"1\"\nserde = {{ version = \"1\", features = [\"derive\"] }}\n\
         tidings = {{ path = \"{root}/runtime\", default-features = false, features = [\"runtime\"] }}\n\n[workspace]\n"
    )
}

/// The source of `count` events and `count` handlers.
pub(crate) fn source(layer: Layer, count: usize) -> String {
    let mut source = "#![allow(dead_code, unused_imports)]\nuse schemars::JsonSchema;\n\
        use serde::{Deserialize, Serialize};\nuse tidings::{DomainEvent, event_handler, handlers};\n\n"
        .to_owned();
    let derives = match layer {
        Layer::Plain => "",
        Layer::Serde => "#[derive(Serialize, Deserialize)]\n",
        Layer::Schemars => "#[derive(Serialize, Deserialize, JsonSchema)]\n",
        _ => "#[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]\n",
    };
    for at in 0..count {
        let event = if layer < Layer::Derive {
            String::new()
        } else {
            format!("#[event(type = \"thing{at}.created\", aggregate_id = thing_id)]\n")
        };
        let handler = if layer < Layer::Attribute {
            String::new()
        } else {
            format!("#[event_handler(\"thing{at}.created\", timeout = \"10s\")]\n")
        };
        // Writing to a string cannot fail.
        let _ = write!(
            source,
            "/// Thing number {at} was created.\n{derives}{event}pub struct Thing{at}Created {{\n    \
             pub thing_id: String,\n    pub customer: String,\n    pub total: u64,\n    \
             pub note: Option<String>,\n    pub lines: Vec<String>,\n}}\n\n\
             {handler}async fn handle{at}(thing: Thing{at}Created) -> Result<(), std::fmt::Error> {{\n    \
             drop(thing);\n    Ok(())\n}}\n\n"
        );
    }
    source.push_str("fn main() {\n");
    if layer == Layer::List {
        let names: Vec<String> = (0..count).map(|at| format!("handle{at}")).collect();
        let _ = writeln!(
            source,
            "    let _ = tidings::App::new(\"things\").handlers(handlers![{}]);",
            names.join(", ")
        );
    }
    source.push_str("}\n");
    source
}
