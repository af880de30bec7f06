//! The functions with which `tidings-contracts` inspects an event type. A running service does not use them.

use std::fmt;

use super::DomainEvent;
use super::decode::{self, DecodeError};

/// The decoder and the encoder of an event type, without its Rust type.
#[derive(Clone, Copy)]
pub struct Introspect {
    /// The example of `#[event(example = ..)]` as JSON.
    pub example: fn() -> Option<serde_json::Result<String>>,
    /// Decodes `data` of a version as the event, upcasts included, and encodes it again.
    pub rewrite: fn(u32, &str) -> Result<serde_json::Result<String>, DecodeError>,
    /// Deserializes the type from a deserializer that records what the type asks for.
    pub watch: fn(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error>,
}

impl Introspect {
    pub(crate) const STUB: Self = Self {
        example: || None,
        rewrite: |_, _| Ok(Ok(String::new())),
        watch: |_| Ok(()),
    };

    pub(crate) const fn of<E: DomainEvent>() -> Self {
        Self {
            example: || E::contract_example().map(|event| serde_json::to_string(&event)),
            rewrite: |version, data| {
                let event: E = decode::version(version, data)?;
                Ok(serde_json::to_string(&event))
            },
            watch: |deserializer| E::deserialize(deserializer).map(drop),
        }
    }
}

impl fmt::Debug for Introspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspect").finish_non_exhaustive()
    }
}
