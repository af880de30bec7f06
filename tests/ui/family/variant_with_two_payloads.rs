use tidings::DomainEvent;
use tidings_tests::{OrderCancelled, OrderCreated};

#[derive(DomainEvent)]
enum OrderEvent {
    Both(OrderCreated, OrderCancelled),
}

fn publish<E: tidings::Payload>() {}

fn main() {
    publish::<OrderEvent>();
}
