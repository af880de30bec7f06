use tidings::{AnyEvent, DomainEvent, HandlerError, event_handler, handlers};
use tidings_tests::{OrderCancelled, OrderCreated, PaymentSettled};

#[derive(DomainEvent)]
enum OrderEvent {
    Created(OrderCreated),
    Cancelled(OrderCancelled),
}

macro_rules! returning {
    ($($name:ident -> $ty:ty: $value:expr;)+) => {
        $(
            #[event_handler]
            async fn $name(_order: OrderCreated) -> $ty {
                $value
            }
        )+
        pub(super) fn main() {
            let _ = handlers![$($name),+];
        }
    };
}

type Boxed = Box<dyn std::error::Error + Send + Sync>;

returning! {
    nothing -> (): ();
    an_event -> OrderCancelled: todo!();
    a_family -> OrderEvent: todo!();
    any -> AnyEvent: todo!();
    an_option -> Option<OrderCancelled>: None;
    a_vec -> Vec<OrderEvent>: Vec::new();
    a_tuple -> (OrderCancelled, Option<PaymentSettled>, Vec<OrderCreated>): todo!();
    nested -> Option<Vec<(OrderCancelled, ())>>: None;
    a_result -> Result<(), std::io::Error>: Ok(());
    a_result_of_events -> Result<Vec<OrderEvent>, Boxed>: Ok(Vec::new());
    with_anyhow -> anyhow::Result<Option<OrderCancelled>>: Ok(None);
    with_a_text -> Result<(), String>: Ok(());
    with_a_static_text -> Result<(), &'static str>: Ok(());
    with_a_handler_error -> Result<(), HandlerError>: Ok(());
}
