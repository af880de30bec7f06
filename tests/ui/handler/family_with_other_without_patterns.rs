use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

#[derive(tidings::DomainEvent)]
enum OrderEvent {
    Created(OrderCreated),
    #[event(other)]
    Other(tidings::AnyEvent),
}

#[event_handler]
async fn follow(_event: OrderEvent) {}

fn main() {
    let _ = handlers![follow];
}
