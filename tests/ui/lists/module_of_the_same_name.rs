// A handler is a function and a struct, so a module of its name cannot stand beside its re-export: leave that out, and
// write `handlers![refund::refund]`.
mod refund {
    use tidings::event_handler;
    use tidings_tests::OrderCreated;

    #[event_handler]
    pub async fn refund(_order: OrderCreated) {}
}

pub use refund::refund;

fn main() {
    // Without the `use`, handlers![refund::refund] is the way.
    let _ = tidings::handlers![refund];
}
