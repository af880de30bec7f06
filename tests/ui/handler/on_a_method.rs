use tidings::event_handler;
use tidings_tests::OrderCreated;

struct Payments;

impl Payments {
    #[event_handler("order.created")]
    async fn take(&self, _order: OrderCreated) {}
}

fn main() {
    let _ = Payments.take(OrderCreated { order_id: String::new() });
}
