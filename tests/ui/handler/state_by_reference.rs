use tidings::{State, event_handler, handlers};
use tidings_tests::{Gateway, OrderCreated};

#[event_handler]
async fn take_payment(_order: OrderCreated, _gateway: &State<Gateway>) {}

fn main() {
    let _ = handlers![take_payment];
}
