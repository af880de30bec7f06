use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{DomainEvent, event_handler, handlers};

#[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "price.set")]
struct V1 {
    id: u32,
}

#[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "price.set", version = 2, upcast_from = V1, routing_key = "price.set.v2")]
struct V2 {
    id: u32,
}

#[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "price.set", version = 7, upcast_from = self::V2)]
struct V7 {
    id: u32,
}

impl TryFrom<V1> for V2 {
    type Error = String;
    fn try_from(old: V1) -> Result<Self, String> {
        Ok(Self { id: old.id })
    }
}

impl From<V2> for V7 {
    fn from(old: V2) -> Self {
        Self { id: old.id }
    }
}

#[event_handler("price.set", "price.set.v2")]
async fn follow(_price: V7) {}

// Two handlers can take different versions of one event.
#[event_handler]
async fn old(_price: V2) {}

pub(super) fn main() {
    let _ = handlers![follow, old];
}
