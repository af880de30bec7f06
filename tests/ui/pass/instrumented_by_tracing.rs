#![deny(warnings)]

use tidings::{App, Event, event_handler, handlers};
use tidings_tests::OrderCreated;

#[tracing::instrument(skip_all, fields(order = %order.order_id))]
#[event_handler]
async fn above(order: Event<OrderCreated>) -> Result<(), String> {
    drop(order);
    Ok(())
}

#[event_handler]
#[tracing::instrument(ret)]
async fn below(order: OrderCreated) {
    drop(order);
}

pub(super) fn main() {
    let _ = App::new("shop").handlers(handlers![above, below]);
}
