use tidings::DomainEvent;
use tidings_tests::OrderCreated;

#[derive(DomainEvent)]
#[event(example = sample())]
enum OrderEvent {
    Created(OrderCreated),
}

fn publish<E: tidings::Payload>() {}

fn main() {
    publish::<OrderEvent>();
}
