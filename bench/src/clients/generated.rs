//! The code that `build.rs` writes: 500 handlers, and a family of 50 events.
#![allow(dead_code, missing_docs)] // Nothing reads the fields of the family's events; they are decoded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{App, DomainEvent, event_handler, handlers};
use uuid::Uuid;

use crate::event::OrderCreated;

include!(concat!(env!("OUT_DIR"), "/generated.rs"));
