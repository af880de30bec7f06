use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

#[event_handler(on_dead_letter = pause)]
async fn take_payment(_order: OrderCreated) {}

fn main() {
    let _ = handlers![take_payment];
}
