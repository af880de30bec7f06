use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

#[event_handler(breaker = 0)]
async fn take_payment(_order: OrderCreated) {}

fn main() {
    let _ = handlers![take_payment];
}
