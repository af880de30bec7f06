use tidings::{App, State, event_handler, handlers};
use tidings_tests::{Gateway, OrderCreated};

#[event_handler]
async fn take_payment(_order: OrderCreated, _gateway: State<Gateway>) {}

#[event_handler]
async fn audit(_order: OrderCreated) {}

#[derive(Clone)]
struct Parts {
    _gateway: Gateway,
}

fn main() {
    let parts = Parts { _gateway: Gateway };
    App::new("payments").state(parts).handlers(handlers![audit, take_payment]);
}
