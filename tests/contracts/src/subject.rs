//! A type under test: what it writes, what it reads, and the two schemas that say so.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::sample::{DEPTH, Sample};

/// One version of a type, with what serde makes of it.
#[derive(Debug)]
pub struct Subject {
    /// The type as it was written.
    pub source: &'static str,
    /// Events of the type, each once.
    pub events: fn() -> Vec<String>,
    /// Whether the type reads an event, or what serde says.
    pub decode: fn(&str) -> Result<(), String>,
    /// What the type writes.
    pub writer: fn() -> Value,
    /// What the type accepts.
    pub reader: fn() -> Value,
}

impl Subject {
    /// Of a type.
    pub const fn of<T: Sample + Serialize + DeserializeOwned + JsonSchema>(source: &'static str) -> Self {
        Self {
            source,
            events: events::<T>,
            decode: decode::<T>,
            writer: writer::<T>,
            reader: reader::<T>,
        }
    }
}

/// The types of one theme in one context.
#[derive(Debug)]
pub struct Family {
    /// The idea that the edits are about.
    pub theme: &'static str,
    /// Where the edited type stands.
    pub context: &'static str,
    /// Its versions; each is an edit of each other.
    pub subjects: Vec<Subject>,
}

impl Family {
    /// A family of these subjects.
    pub const fn new(theme: &'static str, context: &'static str, subjects: Vec<Subject>) -> Self {
        Self { theme, context, subjects }
    }
}

fn events<T: Sample + Serialize>() -> Vec<String> {
    let mut events: Vec<String> = Vec::new();
    for sample in T::samples(DEPTH) {
        // What serde cannot write as JSON is no event.
        if let Ok(event) = serde_json::to_string(&sample)
            && !events.contains(&event)
        {
            events.push(event);
        }
    }
    events
}

fn decode<T: DeserializeOwned>(event: &str) -> Result<(), String> {
    serde_json::from_str::<T>(event).map(drop).map_err(|cause| cause.to_string())
}

fn writer<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

fn reader<T: JsonSchema + DeserializeOwned>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    settings.into_generator().into_root_schema_for::<T>().to_value()
}
