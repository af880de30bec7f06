use tidings::DomainEvent;
use tidings_tests::OrderCreated;

#[derive(DomainEvent)]
enum OrderEvent {
    Created(OrderCreated),
    Cancelled,
}

fn publish<E: tidings::Payload>() {}

fn main() {
    publish::<OrderEvent>();
}
