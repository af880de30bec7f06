//! The event of the default traffic.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;

/// Something was noted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "fault.noted", aggregate_id = aggregate)]
pub struct Noted {
    /// The number of the event in its run. The publisher knows it before the event has an id.
    pub number: u64,
    /// The aggregate. Its events are published in the order of their numbers.
    pub aggregate: String,
    /// Padding that makes the body larger.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub padding: String,
}
