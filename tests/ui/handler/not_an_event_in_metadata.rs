use tidings::{Event, event_handler, handlers};

struct Order;

#[event_handler]
async fn take_payment(_order: Event<Order>) {}

fn main() {
    let _ = handlers![take_payment];
}
