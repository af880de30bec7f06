// A list of handlers names functions. For an event in the list, rustc reports two errors.
use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

#[event_handler]
async fn take_payment(_order: OrderCreated) {}

fn main() {
    let _ = handlers![take_payment, OrderCreated];
}
