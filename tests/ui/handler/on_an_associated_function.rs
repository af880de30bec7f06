use tidings::event_handler;
use tidings_tests::OrderCreated;

struct Payments;

impl Payments {
    #[event_handler]
    async fn take(_order: OrderCreated) {}
}

fn main() {
    let _ = Payments::take;
}
