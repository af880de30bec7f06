use tidings::{event_handler, handlers};
use tidings_tests::{OrderCancelled, OrderCreated};

#[derive(tidings::DomainEvent)]
enum OrderEvent {
    Created(OrderCreated),
    Cancelled(OrderCancelled),
}

#[event_handler("order.*", "payment.*")]
async fn follow(_event: OrderEvent) {}

fn main() {
    let _ = handlers![follow];
}
