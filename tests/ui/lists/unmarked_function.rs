// `refund` lacks its #[event_handler]: write the attribute above the function. The error is rustc's own, because the
// list uses the struct that the attribute generates.
use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

#[event_handler]
async fn take_payment(_order: OrderCreated) {}

async fn refund(_order: OrderCreated) {}

fn main() {
    let _ = handlers![take_payment, refund];
}
