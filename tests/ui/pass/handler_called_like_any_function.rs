use tidings::{Event, HandlerError, State, event_handler};
use tidings_tests::{Gateway, OrderCreated};

#[event_handler]
pub async fn take_payment(order: Event<OrderCreated>, _gateway: State<Gateway>) -> Result<(), HandlerError> {
    assert_eq!(order.order_id, "o-1");
    Ok(())
}

pub(super) fn main() {
    let order = OrderCreated { order_id: "o-1".to_owned() };
    let future = take_payment(Event::new(order), State(Gateway));
    let function = take_payment;
    drop((future, function));
}
