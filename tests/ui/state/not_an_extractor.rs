// What is no extractor for this app may be one for another, so it shows when the handler meets the app.
use tidings::{App, event_handler, handlers};
use tidings_tests::OrderCreated;

struct Tenant;

#[event_handler]
async fn take_payment(_order: OrderCreated, _tenant: Tenant) {}

fn main() {
    App::new("payments").handlers(handlers![take_payment]);
}
