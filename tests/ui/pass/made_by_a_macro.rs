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

// The name of the id field comes from the macro, and the name of the event comes from the caller.
macro_rules! event_about_an_order {
    ($name:ident) => {
        #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
        #[event(aggregate_id = number, routing_key = "order.{number}")]
        struct $name {
            number: u32,
        }
    };
}

event_about_an_order!(OrderPacked);

event!(OrderCreated, "order.created", number, created, "order.*");
event!(OrderCancelled, "order.cancelled", number, cancelled, "order.*");

pub(super) fn main() {
    let _ = handlers![created, cancelled];
    assert_eq!(OrderPacked { number: 7 }.routing_key().unwrap(), "order.7");
}
