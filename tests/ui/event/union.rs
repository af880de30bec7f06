use tidings::{DomainEvent, event_handler, handlers};

#[derive(DomainEvent)]
union OrderCreated {
    order_id: u64,
}

#[event_handler]
async fn take_payment(_order: OrderCreated) {}

fn main() {
    let _ = handlers![take_payment];
    let _ = OrderCreated { order_id: 1 };
}
