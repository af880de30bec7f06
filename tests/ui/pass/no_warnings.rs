//! The macros cause no warning in a crate with strict lints.
#![deny(warnings, missing_docs, unreachable_pub, unused, nonstandard_style, future_incompatible, rust_2018_idioms)]
#![deny(missing_debug_implementations, missing_copy_implementations, unused_qualifications, unused_results, single_use_lifetimes, trivial_casts)]
#![forbid(unsafe_code)]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{AnyEvent, App, Delivery, DomainEvent, HandlerError, State, event_handler, events, handlers};

mod api {
    use super::*;

    /// The first version of the event.
    #[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
    pub(crate) struct OrderCreated {
        order_id: String,
    }

    /// The second version of the event.
    #[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[event(type = "order.created", version = 2, routing_key = "order.created.{order_id}", upcast_from = OrderCreated)]
    pub(crate) struct Order {
        order_id: String,
    }

    impl From<OrderCreated> for Order {
        fn from(old: OrderCreated) -> Self {
            Self { order_id: old.order_id }
        }
    }

    /// The events of an order.
    #[derive(Debug, DomainEvent)]
    pub(crate) enum OrderEvent {
        /// A customer placed an order.
        Order(Order),
        /// Any other event.
        #[event(other)]
        Other(AnyEvent),
    }
}

/// Follows every event of an order.
#[event_handler("order.#", retry(attempts = 2, rungs = "1s, 5s"), timeout = "1s", ordered_by = "aggregate_id", reject_on(std::fmt::Error))]
pub async fn follow(event: AnyEvent, state: State<u32>, delivery: Delivery) -> Result<(), HandlerError> {
    let _ = (event, state, delivery);
    Ok(())
}

#[event_handler("#")]
async fn audit(event: api::OrderEvent) {
    if let api::OrderEvent::Order(order) = event {
        drop(order);
    }
}

fn main() {
    let _ = App::new("shop").state(5_u32).handlers(handlers![follow, audit]);
    let _ = events![api::Order];
}
