mod std {}
mod core {}
mod serde {}
mod schemars {}
mod tidings {}

#[::tidings::event_handler]
async fn take_payment(_order: ::tidings_tests::OrderCreated) {}

#[derive(::tidings::DomainEvent)]
enum OrderEvent {
    Created(::tidings_tests::OrderCreated),
}

#[::tidings::event_handler]
async fn follow(_event: OrderEvent) {}

pub(super) fn main() {
    let _ = ::tidings::handlers![take_payment, follow];
    let _ = ::tidings::events![::tidings_tests::OrderCreated];
}
