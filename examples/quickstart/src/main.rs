//! `cargo run -p quickstart` places an order and takes its payment on the in-memory broker. `TIDINGS_URL=amqp://…
//! cargo run -p quickstart` does the same on RabbitMQ.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{App, Bus, DomainEvent, Event, HandlerError, State, event_handler, handlers};
use tokio::sync::mpsc;
use uuid::Uuid;

/// A customer placed an order.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.created", aggregate_id = order_id)]
struct OrderCreated {
    order_id: Uuid,
    customer: String,
    total_cents: u32,
}

/// The order's payment has arrived.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "payment.settled", aggregate_id = order_id)]
struct PaymentSettled {
    order_id: Uuid,
}

#[event_handler("order.created", timeout = "10s")]
async fn take_payment(order: Event<OrderCreated>) -> Result<PaymentSettled, HandlerError> {
    println!("payments takes {} cents", order.total_cents);
    let order_id = order.order_id;
    Ok(PaymentSettled { order_id }) // a returned event is published before the delivery is settled
}

#[event_handler("payment.*")]
async fn ship(paid: PaymentSettled, State(sent): State<mpsc::Sender<Uuid>>) -> Result<(), HandlerError> {
    println!("shipping sends order {}", paid.order_id);
    Ok(sent.send(paid.order_id).await?)
}

#[tokio::main]
async fn main() -> tidings::Result<()> {
    let bus = Bus::from_env_or("memory:").await?;
    let (sent, mut shipments) = mpsc::channel(1);
    let app = App::new("quickstart").state(sent);
    let running = app.handlers(handlers![take_payment, ship]).start(&bus).await?;

    let order = OrderCreated {
        order_id: Uuid::now_v7(),
        customer: "Ada".into(),
        total_cents: 4200,
    };
    bus.publish(&order).await?;
    assert_eq!(shipments.recv().await, Some(order.order_id));

    running.shutdown().await // `app.run(bus)` would go on until SIGTERM or ctrl-c
}
