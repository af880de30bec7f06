//! The event of the suite.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;

/// Something was noted.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "fault.noted", aggregate_id = aggregate)]
pub struct Noted {
    /// Which event it is, of all that a run publishes: its publisher knows it before the event has an id.
    pub number: u64,
    /// Its aggregate. The numbers of one line grow in the order in which they are published.
    pub aggregate: String,
    /// VirtualHost, where the body is to have a size.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub padding: String,
}
