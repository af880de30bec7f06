#![allow(dead_code, non_camel_case_types, non_upper_case_globals, unused_imports)]

mod wire {
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};
}

mod events {
    use super::wire::{Deserialize, JsonSchema, Serialize};

    type Result = ();
    type Option = ();
    type String = ();
    type Cow = ();
    const version: u8 = 1;
    const data: u8 = 1;
    const event: u8 = 1;
    const visitor: u8 = 1;

    #[derive(Serialize, Deserialize, JsonSchema, tidings::DomainEvent)]
    pub struct OrderCreated {
        pub order_id: u64,
    }

    #[derive(Serialize, Deserialize, JsonSchema, tidings::DomainEvent)]
    #[event(type = "order.created", version = 2, routing_key = "order.created.{order_id}", upcast_from = OrderCreated)]
    pub struct Newer {
        pub order_id: u64,
    }

    impl From<OrderCreated> for Newer {
        fn from(old: OrderCreated) -> Self {
            Self { order_id: old.order_id }
        }
    }

    #[derive(tidings::DomainEvent)]
    pub enum OrderEvent {
        Created(OrderCreated),
        #[event(other)]
        Other(tidings::AnyEvent),
    }
}

pub(super) fn main() {
    let _ = tidings::events![events::OrderCreated];
}
