//! The descriptor of an event type: everything that is known at compile time.

use std::fmt;

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::DomainEvent;
#[cfg(feature = "contracts")]
use super::introspect::Introspect;
use super::schema;

/// One version of an event type: names, routing key, description and schemas.
///
/// ```
/// # use schemars::JsonSchema; use serde::{Deserialize, Serialize}; use tidings::{DomainEvent, EventDescriptor};
/// /// A customer placed an order.
/// #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
/// #[event(type = "order.created")]
/// struct OrderCreated { order_id: String }
///
/// const ORDER_CREATED: EventDescriptor = EventDescriptor::of::<OrderCreated>();
/// assert_eq!(ORDER_CREATED.event_type(), "order.created");
/// assert_eq!(ORDER_CREATED.description(), Some("A customer placed an order."));
/// ```
#[derive(Clone, Copy)]
pub struct EventDescriptor {
    event_type: &'static str,
    version: u32,
    routing_key: &'static str,
    key_pattern: &'static str,
    rust_type: &'static str,
    description: Option<&'static str>,
    deprecated: Option<&'static str>,
    older: Option<&'static EventDescriptor>,
    schema: fn(&mut SchemaGenerator) -> Schema,
    #[cfg(feature = "contracts")]
    introspect: Introspect,
}

impl EventDescriptor {
    /// Describes the event `E`.
    pub const fn of<E: DomainEvent>() -> Self {
        Self {
            event_type: E::TYPE,
            version: E::VERSION,
            routing_key: E::ROUTING_KEY,
            key_pattern: E::KEY_PATTERN,
            rust_type: E::RUST_TYPE,
            description: E::DESCRIPTION,
            deprecated: E::DEPRECATED,
            older: E::OLDER,
            schema: SchemaGenerator::subschema_for::<E>,
            #[cfg(feature = "contracts")]
            introspect: Introspect::of::<E>(),
        }
    }

    /// The event type, `order.created`.
    pub const fn event_type(&self) -> &'static str {
        self.event_type
    }

    /// The version; 1 by default.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The routing key of the attribute, with its `{field}`s.
    pub const fn routing_key(&self) -> &'static str {
        self.routing_key
    }

    /// The pattern that matches every routing key of the event: `*` in place of each `{field}`.
    pub const fn key_pattern(&self) -> &'static str {
        self.key_pattern
    }

    /// The path of the Rust type, such as `shop::events::OrderCreated`.
    pub const fn rust_type(&self) -> &'static str {
        self.rust_type
    }

    /// The doc comment of the event.
    pub const fn description(&self) -> Option<&'static str> {
        self.description
    }

    /// The note of `#[deprecated]`; empty for an attribute without a note, `None` without the attribute.
    pub const fn deprecated(&self) -> Option<&'static str> {
        self.deprecated
    }

    /// The version that this one is upcast from.
    pub const fn older(&self) -> Option<&'static EventDescriptor> {
        self.older
    }

    /// The JSON Schema (2020-12) of the data that this service writes.
    pub fn writer_schema(&self) -> Schema {
        schema::root(self.schema, SchemaSettings::draft2020_12().for_serialize())
    }

    /// The JSON Schema (2020-12) of the data that this service accepts.
    pub fn reader_schema(&self) -> Schema {
        schema::root(self.schema, SchemaSettings::draft2020_12().for_deserialize())
    }

    /// The schema from `generator`: a reference to one of its definitions, as for any other type.
    #[doc(hidden)]
    pub fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.schema)(generator)
    }

    /// The functions with which `tidings-contracts` inspects the type.
    #[cfg(feature = "contracts")]
    #[doc(hidden)]
    pub const fn introspect(&self) -> Introspect {
        self.introspect
    }

    /// This version and every older version in the chain of upcasts, newest first.
    pub fn versions(&self) -> impl Iterator<Item = &EventDescriptor> {
        std::iter::successors(Some(self), |newer| newer.older)
    }
}

/// Everything except the schemas.
impl Serialize for EventDescriptor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_struct("EventDescriptor", 7)?;
        to.serialize_field("event_type", self.event_type)?;
        to.serialize_field("version", &self.version)?;
        to.serialize_field("routing_key", self.routing_key)?;
        to.serialize_field("key_pattern", self.key_pattern)?;
        to.serialize_field("rust_type", self.rust_type)?;
        to.serialize_field("description", &self.description)?;
        to.serialize_field("deprecated", &self.deprecated)?;
        to.end()
    }
}

impl fmt::Debug for EventDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{} ({})", self.event_type, self.version, self.rust_type)
    }
}

/// Visits the events of an [`EventSet`] in a `const fn`, which cannot call closures: `|event|` at each leaf, and
/// `|set|` at each branch.
macro_rules! for_each_event {
    ($events:expr, |$event:ident| $visit:block, |$set:ident| $descend:block $(,)?) => {{
        let mut at = 0;
        match *$events {
            $crate::event::descriptor::EventSet::Events(events) => {
                while at < events.len() {
                    let $event = &events[at];
                    $visit;
                    at += 1;
                }
            }
            $crate::event::descriptor::EventSet::Sets(sets) => {
                while at < sets.len() {
                    let $set = &sets[at];
                    $descend;
                    at += 1;
                }
            }
        }
    }};
}
pub(crate) use for_each_event;

/// The event types that a handler takes or returns. It is a tree, because constants of generic types cannot be
/// concatenated.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub enum EventSet {
    /// A leaf.
    Events(&'static [EventDescriptor]),
    /// A branch.
    Sets(&'static [EventSet]),
}

impl EventSet {
    /// No event.
    pub const NONE: Self = Self::Events(&[]);

    /// The events of a stub: one event with an empty type, which the proofs skip, and a pattern that overlaps every
    /// other.
    pub const STUB: Self = Self::Events(&[EventDescriptor {
        event_type: "",
        version: 1,
        routing_key: "",
        key_pattern: "#",
        rust_type: "",
        description: None,
        deprecated: None,
        older: None,
        schema: SchemaGenerator::subschema_for::<()>,
        #[cfg(feature = "contracts")]
        introspect: Introspect::STUB,
    }]);

    /// The events of the tree, from left to right.
    pub fn iter(&self) -> impl Iterator<Item = &'static EventDescriptor> {
        let mut found = Vec::new();
        self.collect_into(&mut found);
        found.into_iter()
    }

    fn collect_into(&self, found: &mut Vec<&'static EventDescriptor>) {
        match self {
            Self::Events(events) => found.extend(events.iter()),
            Self::Sets(sets) => sets.iter().for_each(|set| set.collect_into(found)),
        }
    }
}
