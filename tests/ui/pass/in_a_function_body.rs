use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{App, DomainEvent, event_handler, events, handlers};

pub(super) fn main() {
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    struct OrderCreated {
        order_id: String,
    }

    #[event_handler]
    async fn take_payment(order: OrderCreated) {
        drop(order.order_id);
    }

    let _ = events![OrderCreated];
    let _ = App::new("shop").handlers(handlers![take_payment]);
}
