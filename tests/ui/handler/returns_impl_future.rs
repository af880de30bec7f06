use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

#[event_handler]
async fn take_payment(_order: OrderCreated) -> impl Future<Output = ()> {
    async {}
}

fn main() {
    let _ = handlers![take_payment];
}
