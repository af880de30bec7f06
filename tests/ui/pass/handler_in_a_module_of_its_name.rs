mod refund {
    #[tidings::event_handler]
    pub async fn refund(_order: tidings_tests::OrderCreated) {}
}

fn main() {
    let _ = tidings::handlers![refund::refund];
}
