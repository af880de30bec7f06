use tidings::{AnyEvent, event_handler, handlers};
use tidings_tests::OrderCreated;

#[event_handler(queue = "shared")]
async fn take_payment(_order: OrderCreated) {}

#[event_handler("order.#", queue = "shared")]
async fn audit(_event: AnyEvent) {}

fn main() {
    let _ = handlers![take_payment, audit];
}
