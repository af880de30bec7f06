use tidings::{App, State, event_handler, handlers};
use tidings_tests::{Gateway, OrderCreated};

#[event_handler("order.created", timeout = "10")]
async fn take_payment(order: OrderCreated, State(_): State<Gateway>) -> String {
    order.order_id
}

async fn directly(order: OrderCreated) -> usize {
    take_payment(order, State(Gateway)).await.len()
}

fn main() {
    let _ = directly;
    App::new("payments").handlers(handlers![take_payment]);
}
