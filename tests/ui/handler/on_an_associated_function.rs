// A handler is a free function. Where nothing in an associated function says that it is one, the attribute cannot know,
// and rustc says it three times: move the function out of the `impl`.
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
