use tidings::{DomainEvent, event_handler, handlers};
use tidings_tests::{OrderCancelled, OrderCreated};

#[derive(DomainEvent)]
enum OrderEvent {
    Created(OrderCreated),
    Cancelled { order: OrderCancelled },
}

#[event_handler]
async fn follow(_event: OrderEvent) {}

fn main() {
    let _ = handlers![follow];
}
