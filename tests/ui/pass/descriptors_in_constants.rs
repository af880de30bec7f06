use tidings::__private::Registered;
use tidings::{EventDescriptor, HandlerDescriptor, event_handler, events};
use tidings_tests::{OrderCancelled, OrderCreated};

const CREATED: EventDescriptor = EventDescriptor::of::<OrderCreated>();
static ALL: [&[EventDescriptor]; 2] = [events![OrderCreated], events![OrderCancelled]];

#[event_handler]
pub async fn take_payment(_order: OrderCreated) {}

const HANDLER: HandlerDescriptor = <take_payment as Registered>::HANDLER;
const _: () = assert!(HANDLER.attempts() == 8);

pub(super) fn main() {
    assert_eq!(CREATED.event_type(), ALL[0][0].event_type());
}
