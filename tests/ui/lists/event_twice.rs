use tidings::events;
use tidings_tests::{OrderCancelled, OrderCreated};

fn main() {
    let _ = events![OrderCreated, OrderCancelled, OrderCreated];
}
