//! What `tidings-contracts` asks of an event type, beyond what its descriptor says: nothing that a service needs to run.

use std::fmt;

use crate::event::DomainEvent;
use crate::event::decode::{self, DecodeError};

/// An event type as it decodes and encodes, its Rust type forgotten.
#[derive(Clone, Copy)]
pub struct Probe {
    /// The example of `#[event(example = ..)]` as JSON.
    pub example: fn() -> Option<serde_json::Result<String>>,
    /// Decodes `data` of a version as the event, upcasts included, and encodes it again.
    pub rewrite: fn(u32, &str) -> Result<serde_json::Result<String>, DecodeError>,
    /// Has the type take itself from a deserializer that watches it.
    pub watch: fn(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error>,
}

impl Probe {
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

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").finish_non_exhaustive()
    }
}
