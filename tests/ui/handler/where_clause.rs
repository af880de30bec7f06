use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

#[event_handler]
async fn take_payment(_order: OrderCreated) where u8: Copy {}

fn main() {
    let _ = handlers![take_payment];
}
