use tidings::{App, EventDescriptor, events, handlers};
use tidings_tests::{OrderCancelled, PaymentSettled};

static EVENTS: &[EventDescriptor] = events![tidings_tests::OrderCreated, OrderCancelled, PaymentSettled];

pub(super) fn main() {
    assert_eq!(EVENTS.len(), 3);
    let _ = App::new("audit").handlers(handlers![tidings_tests::audit]);
}
