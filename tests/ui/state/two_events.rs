// The second event stands where an extractor would. It shows when the handler meets an app.
use tidings::{App, event_handler, handlers};
use tidings_tests::{OrderCancelled, OrderCreated};

#[event_handler]
async fn take_payment(_order: OrderCreated, _other: OrderCancelled) {}

fn main() {
    App::new("payments").handlers(handlers![take_payment]);
}
