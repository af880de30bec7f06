use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

struct Declined;

#[event_handler]
async fn take_payment(_order: OrderCreated) -> Result<(), Declined> {
    Ok(())
}

fn main() {
    let _ = handlers![take_payment];
}
