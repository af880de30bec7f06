// A type can be an extractor for one app and not for another, so the error is where the app takes the handler.
use tidings::{App, event_handler, handlers};
use tidings_tests::OrderCreated;

struct Tenant;

#[event_handler]
async fn take_payment(_order: OrderCreated, _tenant: Tenant) {}

fn main() {
    App::new("payments").handlers(handlers![take_payment]);
}
