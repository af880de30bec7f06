use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

#[event_handler(timeout = "99999999999999999999s")]
async fn take_payment(_order: OrderCreated) {}

fn main() {
    let _ = handlers![take_payment];
}
