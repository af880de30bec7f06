//! The schemas of contracts and of whole events in strict validators.

use std::path::Path;

use serde_json::{Value, json};
use tidings::{EventDescriptor, events};
use tidings_contracts::{Contract, Folder, Side};

use crate::services::{OrderCreated, OrderCreatedV1, ParcelSent, TreeGrown};
use crate::validators;

static EVENTS: &[EventDescriptor] = events![OrderCreated, OrderCreatedV1, ParcelSent, TreeGrown];

/// Adds the ajv cases of a contract: the schemas in its file, and those of the whole event.
fn cases(contract: &Contract, cases: &mut Vec<Value>) {
    let file: Value = serde_json::from_str(&contract.to_json()).expect("a contract is JSON");
    let examples: Vec<&Value> = contract.examples.iter().collect();
    for side in ["writer", "reader"] {
        cases.push(json!({
            "name": format!("{}, {side}", contract.file_name()), "draft": 2020, "schema": file[side], "good": examples,
        }));
    }
    let event = |data: &Value| {
        json!({
            "id": "e-1", "type": contract.event_type, "timestamp": "2026-11-23T10:00:00.123Z", "correlationId": "e-1",
            "version": contract.version, "data": data,
        })
    };
    let events: Vec<Value> = contract.examples.iter().map(event).collect();
    for side in [Side::Writer, Side::Reader] {
        for (draft, schema) in [
            (2020, contract.event_schema(side)),
            (7, contract.event_schema_draft7(side)),
        ] {
            cases.push(json!({
                "name": format!("{}, the event of its {side:?} in draft {draft}", contract.file_name()),
                "draft": draft, "schema": schema, "good": events,
            }));
        }
    }
}

#[tokio::test]
async fn ajv_accepts_every_exported_schema_in_strict_mode() {
    let mut all = Vec::new();
    EVENTS
        .iter()
        .for_each(|event| cases(&Contract::of(event), &mut all));
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop/contracts");
    let shop = Folder::read(shop).expect("the shop's contracts can be read");
    assert!(!shop.is_empty());
    shop.iter().for_each(|contract| cases(contract, &mut all));
    let faults = validators::ajv(&json!(all)).await;
    assert!(faults.is_empty(), "{faults:#?}");
}

#[tokio::test]
async fn ajv_rejects_invalid_events_and_schemas() {
    let contract = Contract::of(&EVENTS[0]);
    let schema = contract.event_schema(Side::Writer);
    let unknown_keyword = json!({"x-tidings-other": true});
    let faults = validators::ajv(&json!([
        {"name": "a", "draft": 2020, "schema": schema, "good": [{"type": "order.created"}]},
        {"name": "b", "draft": 2020, "schema": unknown_keyword, "good": []},
    ]))
    .await;
    assert_eq!(faults.len(), 2, "{faults:#?}");
}
