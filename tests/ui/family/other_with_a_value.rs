use tidings::{AnyEvent, DomainEvent};
use tidings_tests::OrderCreated;

#[derive(DomainEvent)]
enum OrderEvent {
    Created(OrderCreated),
    #[event(other = true)]
    Other(AnyEvent),
}

fn publish<E: tidings::Payload>() {}

fn main() {
    publish::<OrderEvent>();
}
