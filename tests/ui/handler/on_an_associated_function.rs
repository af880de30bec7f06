// A handler is a free function: move it out of the `impl`. An attribute cannot see that the function is in an `impl`,
// so rustc reports the code that the attribute generates, in three errors.
use tidings::event_handler;
use tidings_tests::OrderCreated;

struct Payments;

impl Payments {
    #[event_handler]
    async fn take(_order: OrderCreated) {}
}

fn main() {
    let _ = Payments::take;
}
