// The attribute generates a struct with the name of the handler. A struct and a module of one name cannot be in the
// same scope: remove the `use`, and write `handlers![refund::refund]`.
mod refund {
    use tidings::event_handler;
    use tidings_tests::OrderCreated;

    #[event_handler]
    pub async fn refund(_order: OrderCreated) {}
}

pub use refund::refund;

fn main() {
    // Without the `use`, handlers![refund::refund] compiles.
    let _ = tidings::handlers![refund];
}
