// A handler that no list names is never called, which is a warning.
#![deny(dead_code)]

use tidings::event_handler;
use tidings_tests::OrderCreated;

#[event_handler]
async fn take_payment(_order: OrderCreated) {}

fn main() {}
