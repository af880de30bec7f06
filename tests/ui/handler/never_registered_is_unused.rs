// No list names this handler, so nothing calls it. rustc warns about it, as about any unused function.
#![deny(dead_code)]

use tidings::event_handler;
use tidings_tests::OrderCreated;

#[event_handler]
async fn take_payment(_order: OrderCreated) {}

fn main() {}
