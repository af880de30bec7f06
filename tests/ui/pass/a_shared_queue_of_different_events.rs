use tidings::{event_handler, handlers};
use tidings_tests::{OrderCancelled, OrderCreated, PaymentSettled};

#[event_handler(queue = "orders")]
async fn created(_order: OrderCreated) {}

#[event_handler(queue = "orders")]
async fn cancelled(_order: OrderCancelled) {}

#[event_handler(queue = "payments")]
async fn settled(_payment: PaymentSettled) {}

pub(super) fn main() {
    let _ = handlers![created, cancelled, settled];
}
