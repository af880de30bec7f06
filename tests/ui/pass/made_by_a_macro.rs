use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{DomainEvent, event_handler, handlers};

macro_rules! event {
    ($name:ident, $type:literal, $field:ident, $handler:ident, $pattern:literal) => {
        #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
        #[event(type = $type, aggregate_id = $field)]
        struct $name {
            $field: u32,
        }

        #[event_handler($pattern)]
        async fn $handler(event: $name) {
            drop(event);
        }
    };
}

event!(OrderCreated, "order.created", number, created, "order.*");
event!(OrderCancelled, "order.cancelled", number, cancelled, "order.*");

fn main() {
    let _ = handlers![created, cancelled];
}
