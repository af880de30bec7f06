use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tidings::DomainEvent;

#[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
struct OrderCreated {
    order_id: Box<str>,
    lines: Vec<BTreeMap<String, Option<[u8; 4]>>>,
    notes: HashMap<String, Result<u32, String>>,
    shared: Vec<Box<Option<u8>>>,
}

pub(super) fn main() {
    let _ = Arc::new(OrderCreated::TYPE);
}
