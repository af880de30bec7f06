use tidings::handlers;

mod orders {
    #[tidings::event_handler(name = "orders.created")]
    pub async fn created(_order: tidings_tests::OrderCreated) {}
}

mod stock {
    #[tidings::event_handler(name = "stock.created")]
    pub async fn created(_order: tidings_tests::OrderCreated) {}
}

pub(super) fn main() {
    let _ = handlers![orders::created, stock::created];
}
