//! A type under test: what it writes, what it reads, and the descriptor from which its contract is made.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tidings::{DomainEvent, EventDescriptor, RoutingKeyError};

use crate::keys;
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
    /// The type as an event.
    pub event: EventDescriptor,
}

impl Subject {
    /// Of a type.
    pub const fn of<T: Subjected>(source: &'static str) -> Self {
        Self {
            source,
            events: events::<T>,
            decode: decode::<T>,
            event: EventDescriptor::of::<Held<T>>(),
        }
    }
}

/// What a type must be to be tried.
pub trait Subjected: Sample + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {}

impl<T: Sample + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static> Subjected for T {}

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
        Self {
            theme,
            context,
            subjects,
        }
    }
}

fn events<T: Subjected>() -> Vec<String> {
    let mut events: Vec<String> = Vec::new();
    for sample in T::samples(DEPTH) {
        // What serde cannot write as JSON is no event, nor what other services would read in two ways.
        if let Ok(event) = serde_json::to_string(&Held(sample))
            && !keys::repeat(&event)
            && !events.contains(&event)
        {
            events.push(event);
        }
    }
    events
}

fn decode<T: Subjected>(event: &str) -> Result<(), String> {
    let held = serde_json::from_str::<Held<T>>(event);
    held.map(drop).map_err(|cause| cause.to_string())
}

/// Any type as an event: the derive takes structs alone, and a thousand expansions of it would show nothing here.
///
/// It hides from the type who serializes and deserializes it, so that rustc compiles each type for one of either.
struct Held<T>(T);

impl<T: Serialize> Serialize for Held<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        erased_serde::serialize(&self.0, to)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Held<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut from = <dyn erased_serde::Deserializer<'_>>::erase(from);
        erased_serde::deserialize(&mut from)
            .map(Self)
            .map_err(de::Error::custom)
    }
}

impl<T: JsonSchema> JsonSchema for Held<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: Subjected> DomainEvent for Held<T> {
    const TYPE: &'static str = "type.tried";
    const VERSION: u32 = 1;
    const ROUTING_KEY: &'static str = "type.tried";
    const KEY_PATTERN: &'static str = "type.tried";
    const DESCRIPTION: Option<&'static str> = None;
    const DEPRECATED: Option<&'static str> = None;
    const RUST_TYPE: &'static str = "Event";

    fn routing_key(&self) -> Result<Cow<'static, str>, RoutingKeyError> {
        Ok(Self::ROUTING_KEY.into())
    }

    fn aggregate_id(&self) -> String {
        String::new()
    }
}
