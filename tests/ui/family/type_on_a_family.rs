use tidings::DomainEvent;
use tidings_tests::OrderCreated;

#[derive(DomainEvent)]
#[event(type = "order.any")]
enum OrderEvent {
    Created(OrderCreated),
}

fn publish<E: tidings::Payload>() {}

fn main() {
    publish::<OrderEvent>();
}
