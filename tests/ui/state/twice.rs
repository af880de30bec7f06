use tidings::{App, State, event_handler, handlers};
use tidings_tests::{Gateway, OrderCreated};

#[event_handler]
async fn take_payment(_order: OrderCreated, _gateway: State<Gateway>) {}

#[event_handler]
async fn audit(_order: OrderCreated) {}

fn main() {
    App::new("payments").state(5_u32).state(Gateway).handlers(handlers![audit, take_payment]);
}
