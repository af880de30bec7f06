use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

#[derive(Debug, thiserror::Error)]
enum PaymentError {
    #[error("declined")]
    Declined,
}

#[event_handler(reject_on(PaymentError::Declined))]
async fn take_payment(_order: OrderCreated) -> Result<(), PaymentError> {
    Err(PaymentError::Declined)
}

fn main() {
    let _ = handlers![take_payment];
}
