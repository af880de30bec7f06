mod refund {
    #[tidings::event_handler]
    pub async fn refund(_order: tidings_tests::OrderCreated) {}
}

pub(super) fn main() {
    let _ = tidings::handlers![refund::refund];
}
