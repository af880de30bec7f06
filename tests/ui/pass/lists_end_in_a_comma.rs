use tidings::{App, event_handler, events, handlers};
use tidings_tests::OrderCreated;

#[event_handler]
async fn take_payment(_order: OrderCreated) {}

pub(super) fn main() {
    let _ = App::new("shop").handlers(handlers![take_payment,]).handlers(handlers!(take_payment)).handlers(handlers! { take_payment });
    assert_eq!(events![OrderCreated,].len(), 1);
}
