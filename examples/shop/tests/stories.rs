//! The shop on a test bus: the events of an order, from the request to the last one.
//!
//! A [`TestBus`] is an in-memory broker that keeps the published events. No test waits for a delay: `settled` skips all
//! retry delays, and returns when nothing is in flight.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use shop::events::{
    OrderCancelled, OrderCreated, PaymentFailed, PaymentSettled, StockReleased, StockReserved,
};
use shop::gateway::{Charge, Gateway};
use shop::inventory::{Reservation, Shelf};
use shop::journal::Journal;
use shop::orders::{End, OrderBook};
use shop::storefront::NewOrder;
use shop::{inventory, orders, payments, storefront};
use tidings::testing::TestBus;
use tidings::{PublishOptions, Reason, RunningApp, assert_not_published, assert_published};
use tower::ServiceExt;
use uuid::Uuid;

/// The shop: its three services run until it is dropped.
struct Shop {
    bus: TestBus,
    books: OrderBook,
    gateway: Gateway,
    shelf: Shelf,
    front: Router,
    apps: [RunningApp; 3],
}

impl Shop {
    async fn open() -> Self {
        let bus = TestBus::new();
        let books = OrderBook::new(Journal::in_memory());
        let gateway = Gateway::new(Journal::in_memory());
        let shelf = Shelf::new(Journal::in_memory());
        let apps = [
            orders::app(books.clone()).start(&bus).await.unwrap(),
            payments::app(gateway.clone()).start(&bus).await.unwrap(),
            inventory::app(shelf.clone()).start(&bus).await.unwrap(),
        ];
        let front = storefront::router(books.clone(), apps[0].bus().clone());
        Self {
            bus,
            books,
            gateway,
            shelf,
            front,
            apps,
        }
    }

    /// Places an order for two kettles, waits until all deliveries are settled, and returns the order's id.
    async fn order_with(&self, card: &str) -> Uuid {
        let order_id = Uuid::now_v7();
        let response = self.post(&new_order(order_id, card), "cart-7").await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        self.bus.settled().await;
        order_id
    }

    /// Sends the order to the router without a socket.
    async fn post(&self, order: &NewOrder, correlation_id: &str) -> Response<Body> {
        let request = Request::post("/orders")
            .header("content-type", "application/json")
            .header("x-correlation-id", correlation_id)
            .body(Body::from(serde_json::to_vec(order).unwrap()))
            .unwrap();
        self.front.clone().oneshot(request).await.unwrap()
    }

    fn end(&self, order_id: Uuid) -> Option<End> {
        self.books.orders().unwrap()[&order_id].end()
    }

    fn charge(&self, order_id: Uuid) -> Option<Charge> {
        self.gateway.charges().unwrap().get(&order_id).copied()
    }

    fn reservation(&self, order_id: Uuid) -> Option<Reservation> {
        self.shelf.reservations().unwrap().get(&order_id).cloned()
    }
}

fn new_order(order_id: Uuid, card: &str) -> NewOrder {
    NewOrder {
        order_id,
        customer: "Ada".to_owned(),
        item: "kettle".to_owned(),
        quantity: 2,
        card: card.to_owned(),
    }
}

fn two_kettles() -> Reservation {
    Reservation::Reserved {
        item: "kettle".to_owned(),
        quantity: 2,
    }
}

#[tokio::test]
async fn an_order_is_charged_and_its_stock_is_reserved() {
    let shop = Shop::open().await;
    let id = shop.order_with("visa").await;

    assert_published!(shop.bus, OrderCreated { order_id, total_cents: 7800, .. } if *order_id == id);
    assert_published!(shop.bus, PaymentSettled { order_id, cents: 7800 } if *order_id == id);
    assert_published!(shop.bus, StockReserved { order_id, quantity: 2, .. } if *order_id == id);
    assert_not_published!(shop.bus, OrderCancelled { .. });
    assert_eq!(shop.end(id), Some(End::Paid));
    assert!(shop.bus.dead_letters().is_empty());
}

#[tokio::test]
async fn a_declined_card_cancels_the_order_and_releases_its_stock() {
    let shop = Shop::open().await;
    let id = shop.order_with("visa-declined").await;

    assert_published!(shop.bus, PaymentFailed { reason, .. } if reason.contains("declined"));
    assert_published!(shop.bus, OrderCancelled { order_id, .. } if *order_id == id);
    assert_published!(shop.bus, StockReleased { order_id } if *order_id == id);
    assert_eq!(shop.end(id), Some(End::Cancelled));
    assert_eq!(shop.reservation(id), Some(Reservation::Released));
    assert!(
        shop.bus.dead_letters().is_empty(),
        "a declined card is an answer, not a failure"
    );
}

#[tokio::test]
async fn a_charge_is_retried_until_the_gateway_is_available_and_charges_once() {
    let shop = Shop::open().await;
    let id = shop.order_with("visa-flaky-2").await;

    assert_eq!(shop.gateway.attempts(id), 3);
    assert_eq!(shop.charge(id), Some(Charge::Taken(7800)));
    assert_eq!(shop.bus.published::<PaymentSettled>().len(), 1);
    assert_eq!(shop.end(id), Some(End::Paid));
    let waited = shop.bus.elapsed();
    assert!(
        waited >= Duration::from_secs(6),
        "the retry delays of 1 s and 5 s: {waited:?}"
    );
}

#[tokio::test]
async fn an_order_is_dead_lettered_after_the_last_attempt() {
    let shop = Shop::open().await;
    let id = shop.order_with("visa-flaky-100").await;

    let [letter] = &shop.bus.dead_letters()[..] else {
        panic!("{:#?}", shop.bus.dead_letters());
    };
    assert_eq!((letter.reason, letter.attempts), (Some(Reason::Failed), 8));
    assert_eq!(
        letter.error,
        "cannot charge the order\nthe gateway is unavailable"
    );
    assert_eq!(shop.charge(id), None);
}

#[tokio::test]
async fn an_order_with_an_unknown_card_is_dead_lettered_at_once() {
    let shop = Shop::open().await;
    let id = shop.order_with("a library card").await;

    let [letter] = &shop.bus.dead_letters()[..] else {
        panic!("{:#?}", shop.bus.dead_letters());
    };
    assert_eq!(letter.handler, "take_payment");
    assert_eq!((letter.reason, letter.attempts), (Some(Reason::Rejected), 1));
    assert!(
        letter.error.contains("`a library card` is not a card"),
        "{}",
        letter.error
    );
    let order: OrderCreated = letter.event().unwrap().decode().unwrap();
    assert_eq!(order.order_id, id, "a dead letter keeps the event for a redrive");
    assert_eq!(shop.end(id), None);
    assert_eq!(shop.charge(id), None);
}

#[tokio::test]
async fn an_unreadable_event_is_dead_lettered_by_each_handler() {
    let shop = Shop::open().await;
    let poison = br#"{"type":"order.created","data":{"order_id":"#;
    shop.bus.publish_raw("order.created", *poison).await;
    shop.bus.settled().await;

    let letters = shop.bus.dead_letters();
    let queues: Vec<_> = letters.iter().map(|letter| letter.queue.as_str()).collect();
    assert_eq!(queues, ["inventory.keep_stock", "payments.take_payment"]);
    for letter in letters {
        assert_eq!(letter.reason, Some(Reason::Malformed));
        assert_eq!(letter.body, poison, "byte for byte");
    }
}

#[tokio::test]
async fn events_beside_a_poison_message_are_handled() {
    let shop = Shop::open().await;
    shop.bus.publish_raw("order.created", "poison").await;
    let id = shop.order_with("visa").await;
    assert_eq!(shop.end(id), Some(End::Paid));
}

#[tokio::test]
async fn an_unknown_event_is_ignored() {
    let shop = Shop::open().await;
    let exotic = r#"{"type":"order.exotic","data":{"spice":"saffron"}}"#;
    shop.bus.publish_raw("order.exotic", exotic).await;
    shop.bus.settled().await;

    let [ignored] = &shop.bus.ignored()[..] else {
        panic!("{:?}", shop.bus.ignored());
    };
    assert_eq!(ignored.handler, "keep_stock");
    assert_eq!(ignored.routing_key, "order.exotic");
    assert!(shop.bus.dead_letters().is_empty());
}

#[tokio::test]
async fn all_events_of_a_request_have_its_correlation_id() {
    let shop = Shop::open().await;
    let order = new_order(Uuid::now_v7(), "visa-declined");
    let response = shop.post(&order, "cart-42").await;
    assert_eq!(response.headers()["x-correlation-id"], "cart-42");
    shop.bus.settled().await;

    let events = shop.bus.published_events();
    let mut stories: Vec<_> = events
        .iter()
        .map(|event| {
            let metadata = event.metadata();
            assert_eq!(metadata.correlation_id, "cart-42");
            let cause = metadata.causation_id.as_deref().unwrap_or("the request");
            let cause = events.iter().find(|other| other.metadata().id == cause);
            (
                metadata.source.as_deref().unwrap_or("nobody"),
                cause.map_or("the request", |cause| cause.event_type()),
                event.event_type(),
            )
        })
        .collect();
    stories.sort_unstable();
    // The stock may or may not have been reserved before the order was cancelled.
    stories.retain(|(.., event)| *event != "stock.reserved");
    assert_eq!(
        stories,
        [
            ("inventory", "order.cancelled", "stock.released"),
            ("orders", "payment.failed", "order.cancelled"),
            ("orders", "the request", "order.created"),
            ("payments", "order.created", "payment.failed"),
        ]
    );
}

#[tokio::test]
async fn a_repeated_request_places_one_order() {
    let shop = Shop::open().await;
    let order = new_order(Uuid::now_v7(), "visa");
    for _ in 0..2 {
        assert_eq!(shop.post(&order, "cart-7").await.status(), StatusCode::ACCEPTED);
        shop.bus.settled().await;
    }

    assert_eq!(shop.books.orders().unwrap().len(), 1);
    assert_eq!(shop.charge(order.order_id), Some(Charge::Taken(7800)));
    assert_eq!(shop.reservation(order.order_id), Some(two_kettles()));
    // The event is published twice with the same id.
    for ids in [
        shop.bus
            .published::<OrderCreated>()
            .iter()
            .map(|event| event.id().to_owned())
            .collect::<Vec<_>>(),
        shop.bus
            .published::<PaymentSettled>()
            .iter()
            .map(|event| event.id().to_owned())
            .collect(),
    ] {
        assert!(matches!(&ids[..], [first, second] if first == second), "{ids:?}");
    }
}

#[tokio::test]
async fn a_redelivery_of_every_event_changes_nothing() {
    for card in ["visa", "visa-declined", "visa-flaky-1"] {
        let shop = Shop::open().await;
        let id = shop.order_with(card).await;
        let (end, charge, reservation) = (shop.end(id), shop.charge(id), shop.reservation(id));

        for event in shop.bus.published_events() {
            let again = PublishOptions::new().id(&event.metadata().id);
            shop.bus.publish_with(&event, again).await.unwrap();
        }
        shop.bus.settled().await;

        assert_eq!((shop.end(id), shop.charge(id)), (end, charge), "{card}");
        assert_eq!(shop.reservation(id), reservation, "{card}");
        assert!(shop.bus.dead_letters().is_empty(), "{card}");
    }
}

#[tokio::test]
async fn a_cancellation_that_overtakes_its_order_leaves_no_stock_reserved() {
    let shop = Shop::open().await;
    let payments = &shop.apps[1];
    // Inventory is paused until payments has declined and orders has cancelled. Then it receives both events at once.
    shop.apps[2].pause("keep_stock").unwrap();
    let id = shop.order_with("visa-declined").await;
    assert_eq!(shop.reservation(id), None);
    assert_eq!(payments.health().handler("take_payment").unwrap().handled, 1);

    shop.apps[2].resume("keep_stock").unwrap();
    shop.bus.settled().await;
    assert_eq!(shop.reservation(id), Some(Reservation::Released));
    assert_eq!(shop.end(id), Some(End::Cancelled));
}

#[tokio::test]
async fn an_order_without_a_receiving_service_is_not_accepted() {
    let shop = Shop::open().await;
    // The storefront alone, on a bus without other services.
    let alone = Shop {
        front: storefront::router(OrderBook::new(Journal::in_memory()), TestBus::new().bus()),
        ..shop
    };
    let response = alone.post(&new_order(Uuid::now_v7(), "visa"), "cart-7").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn an_order_for_an_unknown_item_is_not_published() {
    let shop = Shop::open().await;
    let mut order = new_order(Uuid::now_v7(), "visa");
    order.item = "unicorn".to_owned();
    let response = shop.post(&order, "cart-7").await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_not_published!(shop.bus, OrderCreated { .. });
}
