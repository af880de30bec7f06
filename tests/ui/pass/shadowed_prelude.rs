use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{App, DomainEvent, event_handler, events, handlers};

mod names {
    #![allow(dead_code, non_camel_case_types, non_upper_case_globals)]
    pub struct Result;
    pub struct Option;
    pub struct String;
    pub struct Vec;
    pub struct Box;
    pub struct Send;
    pub struct Sync;
    pub struct Some;
    pub struct None;
    pub struct Ok;
    pub struct Err;
    pub struct str;
    pub struct u32;
    pub struct bool;
    pub struct usize;
    pub trait ToString {}
    pub const event: u8 = 1;
    pub const state: u8 = 1;
    pub const delivery: u8 = 1;
    pub const visitor: u8 = 1;
    pub const version: u8 = 1;
    pub const data: u8 = 1;
}

mod events_ {
    use super::*;
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[event(type = "order.created")]
    pub struct OldOrder {
        pub order_id: std::string::String,
    }
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[event(type = "order.created", version = 2, routing_key = "order.created.{order_id}", upcast_from = OldOrder)]
    pub struct Order {
        pub order_id: std::string::String,
    }
    impl From<OldOrder> for Order {
        fn from(old: OldOrder) -> Self {
            Self { order_id: old.order_id }
        }
    }
}

mod handlers_ {
    #[allow(unused_imports)]
    use super::names::*;
    use super::events_::Order;

    #[tidings::event_handler("order.#", retry(attempts = 2, rungs = "1s"), timeout = "1s", reject_on(std::fmt::Error))]
    pub async fn take(_order: Order, _delivery: tidings::Delivery) -> std::result::Result<(), std::fmt::Error> {
        std::result::Result::Ok(())
    }
}

#[allow(unused_imports)]
use names::{None as _, Some as _};

#[event_handler]
async fn other(_order: events_::Order) {}

pub(super) fn main() {
    let _ = App::new("shop").handlers(handlers![handlers_::take, other]);
    let _ = events![events_::Order];
}
