// No handler of this name is in scope: import it, or write its path, `orders::refund`.
use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

#[event_handler]
async fn take_payment(_order: OrderCreated) {}

fn main() {
    let _ = handlers![take_payment, refund];
}
