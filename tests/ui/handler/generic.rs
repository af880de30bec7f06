use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

#[event_handler]
async fn take_payment<E: Send>(_order: OrderCreated, _more: E) {}

fn main() {
    let _ = handlers![take_payment];
}
