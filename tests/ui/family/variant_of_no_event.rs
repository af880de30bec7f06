use tidings::DomainEvent;
use tidings_tests::OrderCreated;

struct Plain;

#[derive(DomainEvent)]
enum OrderEvent {
    Created(OrderCreated),
    Plain(Plain),
}

fn publish<E: tidings::Payload>() {}

fn main() {
    publish::<OrderEvent>();
}
