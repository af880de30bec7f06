// A handler takes one event, and every further parameter is an extractor. The error is where the app takes the handler.
use tidings::{App, event_handler, handlers};
use tidings_tests::{OrderCancelled, OrderCreated};

#[event_handler]
async fn take_payment(_order: OrderCreated, _other: OrderCancelled) {}

fn main() {
    App::new("payments").handlers(handlers![take_payment]);
}
