#![allow(clippy::non_minimal_cfg)]

use tidings::{DomainEvent, event_handler, handlers};
use tidings_tests::OrderCreated;

#[derive(DomainEvent)]
enum OrderEvent {
    Created(OrderCreated),
    #[cfg(any())]
    Gone(NoSuchEvent),
}

#[event_handler]
#[cfg(any())]
async fn below(_event: NoSuchEvent) {}

#[cfg(any())]
#[event_handler]
async fn above(_event: NoSuchEvent) {}

#[cfg(all())]
#[event_handler]
#[cfg(all())]
async fn follow(_event: OrderEvent) {}

pub(super) fn main() {
    let _ = handlers![follow];
}
