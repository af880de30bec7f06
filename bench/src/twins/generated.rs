//! What `build.rs` writes: 500 handlers, 10,000 patterns, a family of 50 events.
#![allow(dead_code, missing_docs)] // The fields of a family's events are there to be decoded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{AnyEvent, App, DomainEvent, event_handler, handlers};
use uuid::Uuid;

use super::countdown::Tally;
use crate::event::OrderCreated;

include!(concat!(env!("OUT_DIR"), "/many.rs"));
