use tidings::DomainEvent;
use tidings_tests::{OrderCancelled, OrderCreated};

#[derive(DomainEvent)]
enum OrderEvent {
    Created(OrderCreated),
    #[event(other)]
    Other(OrderCancelled),
}

fn publish<E: tidings::Payload>() {}

fn main() {
    publish::<OrderEvent>();
}
