use tidings::{event_handler, handlers};
use tidings_tests::PaymentSettled;

#[event_handler("payment.settled")]
async fn take_payment(_paid: PaymentSettled) {}

fn main() {
    let _ = handlers![take_payment];
}
