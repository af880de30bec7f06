//! Three services: a payment is settled for each order, stock is reserved for each payment, and the customer is told.

use std::sync::Arc;

use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidings::{App, DomainEvent, State, event_handler, handlers};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::countdown::Tally;
use super::lapin_wire::{confirm_channel, confirmed, connect, encode_as, hand_over_to};
use super::tidings::connect as connect_bus;
use crate::event::{Envelope, OrderCreated};
use crate::stopwatch::Stopwatch;
use crate::worker::Run;

/// The money is here.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "payment.settled", aggregate_id = order_id)]
struct PaymentSettled {
    order_id: Uuid,
    total_cents: u64,
    note: String,
}

/// The things are here.
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
async fn tell(stock: StockReserved, State(tally): State<Tally>) {
    std::hint::black_box(&stock);
    tally.one();
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
    let tally = Tally::new(run.events);
    let stopwatch = Stopwatch::start();
    let payments = App::new("payments").handlers(handlers![settle]).start(&bus);
    let payments = payments.await.expect("the queue is there");
    let inventory = App::new("inventory").handlers(handlers![reserve]).start(&bus);
    let inventory = inventory.await.expect("the queue is there");
    let customer = App::new("customer").state(tally.clone());
    let customer = customer.handlers(handlers![tell]).start(&bus);
    let customer = customer.await.expect("the queue is there");
    tally.all().await;
    for app in [payments, inventory, customer] {
        app.shutdown().await.expect("nothing is left");
    }
    stopwatch.stop(run.events, Vec::new());
}

/// Each delivery in a task, 64 of a queue side by side: its event confirmed, then its ack.
pub(super) async fn lapin(run: &Run) {
    let (_publishing, sender) = confirm_channel(&run.url).await;
    let (consuming, first) = connect(&run.url).await;
    let second = consuming.create_channel().await.expect("channels are there");
    let third = consuming.create_channel().await.expect("channels are there");
    let tally = Tally::new(run.events);
    let stopwatch = Stopwatch::start();
    let payments = subscribe(&first, "payments.settle").await;
    let inventory = subscribe(&second, "inventory.reserve").await;
    let customer = subscribe(&third, "customer.tell").await;
    let out = Some(("payment.settled", sender.clone()));
    tokio::spawn(stage(payments, out, paid, None));
    let out = Some(("stock.reserved", sender));
    tokio::spawn(stage(inventory, out, reserved, None));
    tokio::spawn(stage(
        customer,
        None,
        |stock: StockReserved| stock,
        Some(tally.clone()),
    ));
    tally.all().await;
    stopwatch.stop(run.events, Vec::new());
}

async fn subscribe(channel: &Channel, queue: &str) -> Consumer {
    channel
        .basic_qos(256, BasicQosOptions::default())
        .await
        .expect("a prefetch is taken");
    channel
        .basic_consume(
            queue.into(),
            "best".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("the queue is there")
}

/// Takes one event, and publishes what `next` makes of it where there is a channel to do so.
async fn stage<A, B>(
    mut deliveries: Consumer,
    out: Option<(&'static str, Channel)>,
    next: fn(A) -> B,
    tally: Option<Tally>,
) where
    A: DeserializeOwned + Send + 'static,
    B: Serialize + Send + Sync + 'static,
{
    let places = Arc::new(Semaphore::new(64));
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery.expect("a delivery is whole");
        let place = Arc::clone(&places).acquire_owned().await.expect("it stays open");
        let (out, tally) = (out.clone(), tally.clone());
        tokio::spawn(async move {
            let envelope: Envelope<A> =
                serde_json::from_slice(&delivery.data).expect("a body is an envelope");
            let made = next(envelope.data);
            if let Some((key, channel)) = out {
                let (body, properties) = encode_as(key, envelope.aggregate_id, &made);
                confirmed(hand_over_to(&channel, key, &body, properties).await).await;
            }
            delivery
                .ack(BasicAckOptions::default())
                .await
                .expect("an ack is written");
            if let Some(tally) = tally {
                tally.one();
            }
            drop(place);
        });
    }
}
