use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{DomainEvent, event_handler, handlers};

#[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "shop-2.order_line.added", aggregate_id = line.0)]
struct LineAdded {
    line: (u32, String),
}

#[event_handler("shop-2.#.added", "*.*.*")]
async fn follow(_line: LineAdded) {}

pub(super) fn main() {
    let _ = handlers![follow];
}
