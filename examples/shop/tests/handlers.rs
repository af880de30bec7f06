//! Calls handlers as plain functions, without a bus.

use shop::events::{OrderCancelled, OrderCreated, OrderEvent, PaymentEvent, PaymentSettled, StockEvent};
use shop::gateway::{Charge, Gateway};
use shop::inventory::{Shelf, ShelfError, keep_stock};
use shop::journal::Journal;
use shop::orders::{OrderBook, OrderError, note_payment};
use shop::payments::{PaymentError, take_payment};
use tidings::{Event, State};
use uuid::Uuid;

fn order(card: &str, quantity: u32) -> OrderCreated {
    OrderCreated {
        order_id: Uuid::now_v7(),
        customer: "Ada".to_owned(),
        item: "teapot".to_owned(),
        quantity,
        total_cents: 2490 * u64::from(quantity),
        card: card.to_owned(),
    }
}

#[tokio::test]
async fn take_payment_charges_the_total_of_the_order() {
    let gateway = Gateway::new(Journal::in_memory());
    let order = order("visa", 1);
    let payment = take_payment(Event::new(order.clone()), State(gateway.clone())).await;
    let Ok(PaymentEvent::Settled(PaymentSettled { cents: 2490, .. })) = payment else {
        panic!("{payment:?}");
    };
    assert_eq!(gateway.charges().unwrap()[&order.order_id], Charge::Taken(2490));
}

#[tokio::test]
async fn take_payment_fails_while_the_gateway_is_unavailable() {
    let gateway = Gateway::new(Journal::in_memory());
    let order = Event::new(order("visa-flaky-1", 1));
    let first = take_payment(order.clone(), State(gateway.clone())).await;
    assert!(matches!(first, Err(PaymentError::Gateway(_))), "{first:?}");
    let second = take_payment(order, State(gateway)).await;
    assert!(matches!(second, Ok(PaymentEvent::Settled(_))), "{second:?}");
}

#[tokio::test]
async fn take_payment_rejects_an_unknown_card() {
    let gateway = Gateway::new(Journal::in_memory());
    let answer = take_payment(Event::new(order("a library card", 1)), State(gateway)).await;
    assert!(matches!(answer, Err(PaymentError::Card(_))), "{answer:?}");
}

#[tokio::test]
async fn keep_stock_reserves_only_stock_that_is_left_and_reserves_released_stock_again() {
    let shelf = Shelf::new(Journal::in_memory());
    let (all, one) = (order("visa", 10_000), order("visa", 1));
    let reserve = async |order: &OrderCreated| {
        keep_stock(OrderEvent::Created(order.clone()), State(shelf.clone())).await
    };
    assert!(matches!(reserve(&all).await, Ok(Some(StockEvent::Reserved(_)))));
    let refused = reserve(&one).await;
    assert!(
        matches!(refused, Err(ShelfError::SoldOut { left: 0, .. })),
        "{refused:?}"
    );

    let cancelled = OrderCancelled {
        order_id: all.order_id,
        reason: "too many teapots".to_owned(),
    };
    keep_stock(OrderEvent::Cancelled(cancelled), State(shelf.clone()))
        .await
        .unwrap();
    assert!(matches!(reserve(&one).await, Ok(Some(StockEvent::Reserved(_)))));
    assert!(
        matches!(reserve(&all).await, Ok(None)),
        "a cancelled order stays cancelled"
    );
}

#[tokio::test]
async fn note_payment_rejects_unknown_orders() {
    let books = OrderBook::new(Journal::in_memory());
    let paid = PaymentSettled {
        order_id: Uuid::now_v7(),
        cents: 2490,
    };
    let answer = note_payment(PaymentEvent::Settled(paid), State(books)).await;
    assert!(matches!(answer, Err(OrderError::Unknown(_))), "{answer:?}");
}
