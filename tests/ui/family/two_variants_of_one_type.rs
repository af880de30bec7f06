use tidings::DomainEvent;
use tidings_tests::OrderCreated;

#[derive(DomainEvent)]
enum OrderEvent {
    Created(OrderCreated),
    Again(OrderCreated),
}

fn publish<E: tidings::Payload>() {}

fn main() {
    publish::<OrderEvent>();
}
