use tidings::events;
use tidings_tests::{Gateway, OrderCreated};

fn main() {
    let _ = events![OrderCreated, Gateway];
}
