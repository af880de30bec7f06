//! Three services: one settles a payment for each order, one reserves stock for each payment, one tells the customer.

use std::sync::Arc;

use futures_util::StreamExt as _;
use lapin::{Channel, Consumer};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidings::{App, DomainEvent, State, event_handler, handlers};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::countdown::Countdown;
use super::job::Run;
use super::lapin_wire::{acknowledge, confirm_channel, confirmed, connect, encode_as, publish_to, subscribe};
use super::tidings_bus::connect as connect_bus;
use crate::event::{Envelope, OrderCreated};
use crate::stopwatch::Stopwatch;

/// The payment for an order has arrived.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "payment.settled", aggregate_id = order_id)]
struct PaymentSettled {
    order_id: Uuid,
    total_cents: u64,
    note: String,
}

/// The stock for an order is reserved.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "stock.reserved", aggregate_id = order_id)]
struct StockReserved {
    order_id: Uuid,
    note: String,
}

#[event_handler("order.created")]
async fn settle(order: OrderCreated) -> PaymentSettled {
    paid(order)
}

#[event_handler("payment.settled")]
async fn reserve(payment: PaymentSettled) -> StockReserved {
    reserved(payment)
}

#[event_handler("stock.reserved")]
async fn tell(stock: StockReserved, State(countdown): State<Countdown>) {
    std::hint::black_box(&stock);
    countdown.count_one();
}

fn paid(order: OrderCreated) -> PaymentSettled {
    PaymentSettled {
        order_id: order.order_id,
        total_cents: order.total_cents,
        note: order.note,
    }
}

fn reserved(payment: PaymentSettled) -> StockReserved {
    StockReserved {
        order_id: payment.order_id,
        note: payment.note,
    }
}

pub(super) async fn tidings(run: &Run) {
    let bus = connect_bus(&run.url).await;
    let countdown = Countdown::new(run.events);
    let stopwatch = Stopwatch::start();
    let payments = App::new("payments").handlers(handlers![settle]).start(&bus);
    let payments = payments.await.expect("the queue exists");
    let inventory = App::new("inventory").handlers(handlers![reserve]).start(&bus);
    let inventory = inventory.await.expect("the queue exists");
    let customer = App::new("customer").state(countdown.clone());
    let customer = customer.handlers(handlers![tell]).start(&bus);
    let customer = customer.await.expect("the queue exists");
    countdown.finished().await;
    for app in [payments, inventory, customer] {
        app.shutdown().await.expect("the shutdown succeeds");
    }
    stopwatch.stop(run.events, Vec::new());
}

/// Handles each delivery in a task, 64 per queue at a time: it publishes the event, awaits the confirm, and acks.
pub(super) async fn lapin(run: &Run) {
    let (_publishing, sender) = confirm_channel(&run.url).await;
    let (consuming, first) = connect(&run.url).await;
    let second = consuming
        .create_channel()
        .await
        .expect("the broker opens a channel");
    let third = consuming
        .create_channel()
        .await
        .expect("the broker opens a channel");
    let countdown = Countdown::new(run.events);
    let stopwatch = Stopwatch::start();
    let payments = subscribe(&first, "payments.settle", 256).await;
    let inventory = subscribe(&second, "inventory.reserve", 256).await;
    let customer = subscribe(&third, "customer.tell", 256).await;
    let out = Some(("payment.settled", sender.clone()));
    tokio::spawn(serve(payments, out, paid, None));
    let out = Some(("stock.reserved", sender));
    tokio::spawn(serve(inventory, out, reserved, None));
    tokio::spawn(serve(
        customer,
        None,
        |stock: StockReserved| stock,
        Some(countdown.clone()),
    ));
    countdown.finished().await;
    stopwatch.stop(run.events, Vec::new());
}

/// Takes events, and publishes the event that `next` makes of each, if `out` names a channel.
async fn serve<A, B>(
    mut deliveries: Consumer,
    out: Option<(&'static str, Channel)>,
    next: fn(A) -> B,
    countdown: Option<Countdown>,
) where
    A: DeserializeOwned + Send + 'static,
    B: Serialize + Send + Sync + 'static,
{
    let permits = Arc::new(Semaphore::new(64));
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery.expect("the delivery is complete");
        let permit = Arc::clone(&permits).acquire_owned().await.expect("it stays open");
        let (out, countdown) = (out.clone(), countdown.clone());
        tokio::spawn(async move {
            let envelope: Envelope<A> =
                serde_json::from_slice(&delivery.data).expect("a body is an envelope");
            let made = next(envelope.data);
            if let Some((key, channel)) = out {
                let (body, properties) = encode_as(key, envelope.aggregate_id, &made);
                confirmed(publish_to(&channel, key, &body, properties).await).await;
            }
            acknowledge(&delivery.acker).await;
            if let Some(countdown) = countdown {
                countdown.count_one();
            }
            drop(permit);
        });
    }
}
