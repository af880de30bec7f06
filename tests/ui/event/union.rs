use tidings::DomainEvent;

#[derive(DomainEvent)]
union OrderCreated {
    order_id: u64,
}

fn main() {
    let _ = OrderCreated { order_id: 1 };
}
