//! Types in other languages, generated from the contract files by those languages' own tools, and used: services in
//! TypeScript and Python place orders with them and read their payments, over RabbitMQ, and ours is the one between.
//!
//! They need `node` with `npm`, and `python3` with `venv`; what the services depend on is installed once, under the target
//! directory.

mod event;
#[path = "../../interop/install.rs"]
mod install;
mod language;
mod service;

use std::path::Path;

use serde_json::json;
use tidings::{Bus, events};
use tidings_contracts::{Check, Draft};
use tokio::sync::mpsc::unbounded_channel;
use uuid::Uuid;

use crate::event::{Line, OrderPlaced, OrderPlacedV1, Payment, PaymentBooked, payments};
use crate::language::Language;
use crate::service::{Service, soon};

#[test]
fn the_committed_contracts_are_those_of_the_events() {
    Check::new("contracts")
        .events(events![OrderPlaced, OrderPlacedV1, PaymentBooked])
        .run()
        .unwrap();
}

#[tokio::test]
async fn typescript_places_an_order_and_reads_its_payment_by_generated_types() {
    conversation(Language::TypeScript).await;
}

#[tokio::test]
async fn python_places_an_order_and_reads_its_payment_by_generated_types() {
    conversation(Language::Python).await;
}

async fn conversation(language: Language) {
    let vhost = tokio::task::spawn_blocking(|| tidings_broker::shared().vhost());
    let vhost = vhost.await.expect("RabbitMQ starts").expect("there is a vhost");
    let bus = soon("the connection", Bus::connect(&vhost.url())).await.unwrap();
    let (orders, mut seen) = unbounded_channel();
    let app = soon("the start of ours", payments(orders).start(&bus))
        .await
        .unwrap();

    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts");
    let workshop = language.generate(&contracts).await;
    let mut service = Service::start(language, &workshop, &vhost.url()).await;
    let order_id = Uuid::now_v7();
    if language == Language::Python {
        // What TypeScript refuses, it refuses when it compiles.
        service.tell("makeMistakes", order_id).await;
    }
    service.tell("takePayments", order_id).await;
    service.tell("placeOrder", order_id).await;

    let order = soon("the order", seen.recv()).await.expect("the app runs");
    let metadata = order.metadata();
    assert_eq!(
        (metadata.id.as_str(), metadata.version),
        (&*format!("order of {order_id}"), 2)
    );
    let line = |sku: &str, count, parts| Line {
        sku: sku.to_owned(),
        count,
        parts,
    };
    assert_eq!(
        order.data(),
        &OrderPlaced {
            order_id,
            customer: "Zoë \"Z\" O’Neil 🛒".to_owned(),
            lines: vec![line("tea/green", 2, vec![line("bag", 20, Vec::new())])],
            payment: Payment::Card {
                number: "4111".to_owned()
            },
            place: (52.5, 13.4),
            labels: [("gift".to_owned(), "yes".to_owned())].into(),
            total_cents: 4200,
            note: None,
            express: false,
        }
    );
    let payment = service.payment().await;
    let at = payment["at"].as_str().expect("it has a time").to_owned();
    assert_eq!(at.len(), "2026-11-23T10:00:00.123Z".len(), "{at}");
    assert_eq!(
        payment,
        json!({
            "id": payment["id"], "causation": metadata.id, "order": order_id, "cents": 4200, "method": "card",
            "note": null, "at": at,
        })
    );
    assert_eq!(
        payment["id"]
            .as_str()
            .unwrap()
            .parse::<Uuid>()
            .unwrap()
            .get_version_num(),
        5
    );
    service.end().await;
    app.shutdown().await.unwrap();
    bus.close().await;
    drop(workshop);
}

/// Which draft each language's generator reads.
fn draft(language: Language) -> Draft {
    match language {
        Language::TypeScript => Draft::Draft7,
        Language::Python => Draft::Draft2020,
    }
}
