// A list of handlers names functions. Of an event in it rustc has two things to say.
use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

#[event_handler]
async fn take_payment(_order: OrderCreated) {}

fn main() {
    let _ = handlers![take_payment, OrderCreated];
}
