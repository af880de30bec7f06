//! A type under test: what it writes, what it reads, and the descriptor for its contract.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tidings::{DomainEvent, EventDescriptor, RoutingKeyError};

use crate::keys;
use crate::sample::{DEPTH, Sample};

/// One version of a type.
#[derive(Debug)]
pub struct Subject {
    /// The source of the type.
    pub source: &'static str,
    /// Returns the events of the type without duplicates.
    pub events: fn() -> Vec<String>,
    /// Decodes an event as the type; the error is serde's message.
    pub decode: fn(&str) -> Result<(), String>,
    /// The descriptor of the type as an event.
    pub event: EventDescriptor,
}

impl Subject {
    /// Creates the subject of a type.
    pub const fn of<T: Subjected>(source: &'static str) -> Self {
        Self {
            source,
            events: events::<T>,
            decode: decode::<T>,
            event: EventDescriptor::of::<AsEvent<T>>(),
        }
    }
}

/// The traits that a type under test needs.
pub trait Subjected: Sample + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {}

impl<T: Sample + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static> Subjected for T {}

/// The types of one theme in one context.
#[derive(Debug)]
pub struct TypeSet {
    /// The idea of the edits.
    pub theme: &'static str,
    /// The context of the edited type.
    pub context: &'static str,
    /// The versions. Each is an edit of every other.
    pub subjects: Vec<Subject>,
}

impl TypeSet {
    /// Creates a type set of these subjects.
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
        // Leave out values that serde cannot write as JSON, and repeated keys, which not all readers treat the same.
        if let Ok(event) = serde_json::to_string(&AsEvent(sample))
            && !keys::repeat(&event)
            && !events.contains(&event)
        {
            events.push(event);
        }
    }
    events
}

fn decode<T: Subjected>(event: &str) -> Result<(), String> {
    let event = serde_json::from_str::<AsEvent<T>>(event);
    event.map(drop).map_err(|cause| cause.to_string())
}

/// Makes any type an event. The derive accepts structs only, and this crate does not test the derive.
///
/// The impls erase the serializer and the deserializer, so that rustc compiles each type only once for each.
struct AsEvent<T>(T);

impl<T: Serialize> Serialize for AsEvent<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        erased_serde::serialize(&self.0, to)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AsEvent<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut from = <dyn erased_serde::Deserializer<'_>>::erase(from);
        erased_serde::deserialize(&mut from)
            .map(Self)
            .map_err(de::Error::custom)
    }
}

impl<T: JsonSchema> JsonSchema for AsEvent<T> {
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

impl<T: Subjected> DomainEvent for AsEvent<T> {
    const TYPE: &'static str = "type.tested";
    const VERSION: u32 = 1;
    const ROUTING_KEY: &'static str = "type.tested";
    const KEY_PATTERN: &'static str = "type.tested";
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
