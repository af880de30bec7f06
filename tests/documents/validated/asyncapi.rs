//! AsyncAPI documents.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tidings::events;
use tidings_contracts::{AsyncApi, asyncapi};

use crate::references::{faults, members};
use crate::services::{OrderCreated, billing, warehouse};
use crate::validators;

fn all() -> AsyncApi {
    let orders = asyncapi(&warehouse()).sending(events![OrderCreated]);
    let merged = orders.merge(asyncapi(&billing())).expect("the services agree");
    merged
        .title("The shop")
        .version("2.1.0")
        .description("Two services.")
}

fn file(name: &str, document: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, document).expect("the target directory can be written");
    path
}

/// The committed document of the shop example.
fn shop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop/asyncapi.json")
}

fn documents() -> Vec<(&'static str, String)> {
    vec![
        ("warehouse", asyncapi(&warehouse()).to_json()),
        ("billing", asyncapi(&billing()).to_json()),
        ("merged", all().to_json()),
        ("merged-3.1", all().v3_1().to_json()),
        (
            "shop",
            fs::read_to_string(shop()).expect("the shop has a document"),
        ),
    ]
}

#[tokio::test]
async fn the_asyncapi_parser_accepts_every_document() {
    let documents = documents();
    let files: Vec<PathBuf> = documents
        .iter()
        .map(|(name, document)| file(&format!("{name}.asyncapi.json"), document))
        .collect();
    let reports = validators::asyncapi(&files).await;
    assert_eq!(reports.len(), documents.len());
    for ((name, document), report) in documents.iter().zip(reports) {
        let found: Vec<String> = report
            .diagnostics
            .iter()
            // AsyncAPI 3.1 adds nothing for AMQP, and `v3_1` selects it.
            .filter(|it| it.code != "asyncapi-latest-version")
            .map(|it| format!("{} at {:?}: {}", it.code, it.path, it.message))
            .collect();
        assert!(found.is_empty(), "{name}: {found:#?}");
        let parsed = report
            .document
            .unwrap_or_else(|| panic!("{name} cannot be parsed"));
        let document: Value = serde_json::from_str(document).unwrap();
        assert_eq!(parsed.title, document["info"]["title"]);
        assert_eq!(
            parsed.operations.len(),
            document["operations"].as_object().unwrap().len(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_asyncapi_parser_finds_every_operation() {
    let path = file("operations.asyncapi.json", &all().to_json());
    let report = validators::asyncapi(&[path]).await.remove(0);
    let operations = report
        .document
        .expect("the parser accepts the document")
        .operations;
    let of = |id: &str| {
        let operation = operations.iter().find(|operation| operation.id == id);
        let operation = operation.unwrap_or_else(|| panic!("no {id} among {operations:#?}"));
        (
            operation.action.as_str(),
            operation.address.as_str(),
            operation.messages.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        of("warehouse.pack.receives.order.created"),
        (
            "receive",
            "order.created",
            vec!["warehouse.order.created.v2", "warehouse.order.created.v1"]
        )
    );
    assert_eq!(
        of("warehouse.follow.receives.order.any-word"),
        (
            "receive",
            "order.*",
            vec![
                "warehouse.order.created.v2",
                "warehouse.order.created.v1",
                "warehouse.follow.other"
            ]
        )
    );
    assert_eq!(
        of("warehouse.follow.receives.return.any-words"),
        ("receive", "return.#", vec!["warehouse.follow.other"])
    );
    assert_eq!(
        of("warehouse.pack.sends.parcel.sent.v1"),
        ("send", "parcel.sent.{region}.{carrier}", vec!["parcel.sent.v1"])
    );
    assert_eq!(
        of("warehouse.sends.order.created.v2"),
        ("send", "order.created", vec!["order.created.v2"])
    );
    assert_eq!(
        of("warehouse.show.receives.parcel.sent.any-word.any-word"),
        ("receive", "parcel.sent.*.*", vec!["warehouse.parcel.sent.v1"])
    );
    assert_eq!(
        of("billing.charge.sends.payment.settled.v1"),
        ("send", "payment.settled", vec!["payment.settled.v1"])
    );
}

#[tokio::test]
async fn the_json_schema_of_asyncapi_accepts_every_document() {
    let specs = validators::home()
        .await
        .join("node_modules/@asyncapi/specs/schemas");
    for (name, document) in documents() {
        let document: Value = serde_json::from_str(&document).unwrap();
        let version = document["asyncapi"].as_str().unwrap();
        let schema =
            fs::read_to_string(specs.join(format!("{version}.json"))).expect("the schema is installed");
        let schema: Value = serde_json::from_str(&schema).unwrap();
        let validator = jsonschema::validator_for(&schema).expect("the schema is valid");
        let faults: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{name}: {faults:#?}");
        let broken = json!({"asyncapi": version, "info": {}});
        assert!(!validator.is_valid(&broken), "the schema accepts anything");
    }
}

#[test]
fn every_reference_resolves_and_every_operation_uses_messages_of_its_channel() {
    for (name, document) in documents() {
        let document: Value = serde_json::from_str(&document).unwrap();
        let found = faults(&document);
        assert!(found.is_empty(), "{name}: {found:#?}");
    }
}

#[test]
fn our_own_checks_find_broken_references() {
    let document = asyncapi(&warehouse()).to_value();
    let broken = |pointer: &str, value: Value| {
        let mut document = document.clone();
        *document.pointer_mut(pointer).expect("the document has the value") = value;
        faults(&document)
    };
    let operation = "/operations/warehouse.pack.receives.order.created";
    assert_eq!(
        broken(
            &format!("{operation}/messages/0/$ref"),
            json!("#/components/messages/warehouse.order.created.v2")
        )
        .len(),
        1
    );
    assert_eq!(broken(&format!("{operation}/messages"), json!([])).len(), 1);
    let payload = "/components/messages/warehouse.order.created.v2/payload";
    assert!(
        !broken(
            &format!("{payload}/properties/data/$ref"),
            json!("#/components/schemas/Nothing")
        )
        .is_empty()
    );
    assert!(!broken(payload, json!({"$defs": {}})).is_empty());
}

#[test]
fn every_example_matches_its_own_schema() {
    for (name, document) in documents() {
        let document: Value = serde_json::from_str(&document).unwrap();
        let mut examples = 0;
        for (message, content) in members(&document["components"]["messages"]) {
            // The references of a payload point into the document.
            let schema = json!({
                "$schema": "http://json-schema.org/draft-07/schema#",
                "allOf": [content["payload"]],
                "components": document["components"],
            });
            let validator = jsonschema::options()
                .should_validate_formats(true)
                .build(&schema)
                .unwrap_or_else(|error| panic!("{name}, {message}: {error}"));
            for example in content["examples"].as_array().into_iter().flatten() {
                examples += 1;
                let faults: Vec<String> = validator
                    .iter_errors(&example["payload"])
                    .map(|error| format!("{}: {error}", error.instance_path()))
                    .collect();
                assert!(faults.is_empty(), "{name}, {message}: {faults:#?}");
            }
            assert!(
                !validator.is_valid(&json!({"type": "something.else"})),
                "{message} accepts anything"
            );
            if message.strip_suffix(".other").is_none() {
                assert!(content["examples"].is_array(), "{name}: {message} has no example");
            }
        }
        assert!(examples > 0, "{name} has no examples");
    }
}

#[test]
fn queues_retries_and_dead_letters_are_described_in_extensions() {
    let document = all().to_value();
    let operation = &document["operations"]["billing.book.receives.payment.settled"];
    assert_eq!(operation["x-tidings-queue"]["name"], "billing.book");
    assert_eq!(
        operation["x-tidings-queue"]["arguments"]["x-queue-type"],
        "quorum"
    );
    assert_eq!(
        operation["x-tidings-retries"],
        json!({"attempts": 3, "delays": ["1s", "1h"], "where": "delay queues"})
    );
    assert_eq!(
        operation["x-tidings-dead-letters"],
        json!({"queue": "billing.book.dlq", "exchange": "billing.dead"})
    );
    let ordered = &document["operations"]["warehouse.follow.receives.order.any-word"];
    assert_eq!(ordered["x-tidings-ordered-by"], "aggregateId");
    assert_eq!(ordered["x-tidings-retries"]["where"], "in place");
    let ephemeral = &document["operations"]["warehouse.show.receives.parcel.sent.any-word.any-word"];
    assert_eq!(ephemeral["x-tidings-queue"], json!({"ephemeral": true}));
    assert!(ephemeral.get("x-tidings-dead-letters").is_none());
    let pack = &document["operations"]["warehouse.pack.receives.order.created"];
    assert_eq!(pack["summary"], "Packs what was ordered.");
    assert_eq!(pack["description"], "Once for each order.");
    let settled = &document["components"]["messages"]["payment.settled.v1"];
    assert_eq!(settled["deprecated"], true);
    assert_eq!(settled["x-tidings-deprecated"], "read `payment.booked`");
    let sent = &document["channels"]["parcel.sent.region.carrier"]["parameters"];
    assert_eq!(sent["region"]["location"], "$message.payload#/data/region");
    assert!(
        sent["carrier"].get("location").is_none(),
        "the field has another name on the wire"
    );
}

#[test]
fn two_services_that_write_one_event_differently_are_a_conflict() {
    mod other {
        use schemars::JsonSchema;
        use serde::{Deserialize, Serialize};
        use tidings::DomainEvent;

        #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
        #[event(type = "order.created", version = 2, aggregate_id = order_id)]
        pub(super) struct OrderCreated {
            order_id: u32,
        }
    }
    let one = asyncapi(&warehouse()).sending(events![OrderCreated]);
    let another = asyncapi(&billing()).sending(events![other::OrderCreated]);
    let conflict = one.clone().merge(another).unwrap_err();
    assert!(
        conflict
            .to_string()
            .starts_with("cannot merge `warehouse` and `billing` into one document\n"),
        "{conflict}"
    );
    assert!(
        conflict
            .differences()
            .iter()
            .all(|it| it.starts_with("`order.created.v2")),
        "{conflict}"
    );
    let conflict = one.clone().merge(asyncapi(&billing()).v3_1()).unwrap_err();
    assert_eq!(conflict.differences().len(), 1, "{conflict}");
    // A document can be merged with itself.
    assert_eq!(one.clone().merge(one.clone()), Ok(one));
}
