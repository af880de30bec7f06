use tidings::{DomainEvent, events};
use tidings_tests::OrderCreated;

#[derive(DomainEvent)]
enum OrderEvent {
    Created(OrderCreated),
}

fn main() {
    let _ = events![OrderCreated, OrderEvent];
}
