// Nothing has this name here: import the handler, or write its path, `orders::refund`.
use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

#[event_handler]
async fn take_payment(_order: OrderCreated) {}

fn main() {
    let _ = handlers![take_payment, refund];
}
