// The function lacks its #[event_handler]: write it over `refund`. The answer is rustc's own, since the list names what
// the attribute makes.
use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

#[event_handler]
async fn take_payment(_order: OrderCreated) {}

async fn refund(_order: OrderCreated) {}

fn main() {
    let _ = handlers![take_payment, refund];
}
