//! Uses types that TypeScript and Python tools generate from the contract files. A service in each language publishes an
//! order over RabbitMQ and reads the payment that our service returns.
//!
//! The services need `node` with `npm`, and `python3` with `venv`. The dependencies are installed once, in the target
//! directory.

mod event;
mod foreign_service;
mod language;

use std::path::Path;

use serde_json::json;
use tidings::{Bus, events};
use tidings_contracts::{Check, Draft};
use tidings_test_support::wait::{blocking, within};
use tokio::sync::mpsc::unbounded_channel;
use uuid::Uuid;

use crate::event::{Line, OrderPlaced, OrderPlacedV1, Payment, PaymentBooked, payments};
use crate::foreign_service::ForeignService;
use crate::language::Language;

#[test]
fn the_committed_contracts_match_the_events() {
    Check::new("contracts")
        .events(events![OrderPlaced, OrderPlacedV1, PaymentBooked])
        .run()
        .unwrap();
}

#[tokio::test]
async fn typescript_publishes_and_reads_events_with_generated_types() {
    conversation(Language::TypeScript).await;
}

#[tokio::test]
async fn python_publishes_and_reads_events_with_generated_types() {
    conversation(Language::Python).await;
}

async fn conversation(language: Language) {
    let vhost = blocking(|| tidings_broker::shared().vhost()).await;
    let vhost = vhost.expect("the node creates a virtual host");
    let bus = within("the connection", Bus::connect(&vhost.url()))
        .await
        .unwrap();
    let (orders, mut seen) = unbounded_channel();
    let app = within("the start of our app", payments(orders).start(&bus))
        .await
        .unwrap();

    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts");
    let folder = language.generate(&contracts).await;
    let mut service = ForeignService::start(language, &folder, &vhost.url()).await;
    let order_id = Uuid::now_v7();
    if language == Language::Python {
        // TypeScript rejects such mistakes at compile time.
        service.execute("makeMistakes", order_id).await;
    }
    service.execute("takePayments", order_id).await;
    service.execute("placeOrder", order_id).await;

    let order = within("the order", seen.recv()).await.expect("the app runs");
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
    let at = payment["at"].as_str().expect("the payment has a time").to_owned();
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
    drop(folder);
}

/// The JSON Schema draft that the generator of a language reads.
fn draft(language: Language) -> Draft {
    match language {
        Language::TypeScript => Draft::Draft7,
        Language::Python => Draft::Draft2020,
    }
}
