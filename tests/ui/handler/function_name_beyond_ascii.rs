use tidings::{event_handler, handlers};
use tidings_tests::OrderCreated;

#[event_handler]
async fn überweisen(_order: OrderCreated) {}

fn main() {
    let _ = handlers![überweisen];
}
