use tidings::{AnyEvent, DomainEvent, Event, event_handler, handlers};
use tidings_tests::{OrderCancelled, OrderCreated};

#[derive(DomainEvent)]
enum OrderEvent {
    Created(OrderCreated),
    Cancelled(OrderCancelled),
}

type Alias = Event<OrderCreated>;

#[event_handler]
async fn plain(_event: OrderCreated) {}
#[event_handler]
async fn with_metadata(_event: Event<OrderCreated>) {}
#[event_handler]
async fn family(_event: OrderEvent) {}
#[event_handler]
async fn family_with_metadata(_event: Event<OrderEvent>) {}
#[event_handler("#")]
async fn any(_event: AnyEvent) {}
#[event_handler("#")]
async fn any_with_metadata(_event: Event<AnyEvent>) {}
#[event_handler]
async fn alias(_event: Alias) {}

pub(super) fn main() {
    let _ = handlers![plain, with_metadata, family, family_with_metadata, any, any_with_metadata, alias];
}
