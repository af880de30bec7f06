use tidings::DomainEvent;
use tidings_tests::OrderCreated;

#[derive(DomainEvent)]
enum OrderEvent {
    Created(OrderCreated),
    #[event(other)]
    Other,
}

fn publish<E: tidings::Payload>() {}

fn main() {
    publish::<OrderEvent>();
}
