//! Checks the contracts of other services against the handlers that receive their events.

use std::fs;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{AnyEvent, App, DomainEvent, EventDescriptor, event_handler, handlers};
use tidings_contracts::{Check, Contract, Error, Folder, Rule};

/// The events of the other service.
mod other_service {
    use super::*;

    /// An order, as the other service writes it.
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[event(type = "order.created", routing_key = "order.created.{region}")]
    pub(crate) struct OrderCreated {
        pub(crate) order_id: String,
        pub(crate) region: String,
        pub(crate) total: Option<u32>,
    }

    /// An event that this service does not know.
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[event(type = "customer.moved", aggregate_id = customer)]
    pub(crate) struct CustomerMoved {
        pub(crate) customer: String,
    }
}

/// An order, as this service reads it.
#[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.created", routing_key = "order.created.{region}")]
struct OrderCreated {
    order_id: String,
    region: String,
    total: u32,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema, DomainEvent)]
struct OrderBilled {
    order_id: String,
}

#[event_handler("order.created.eu", name = "bill")]
async fn bill(order: OrderCreated) -> OrderBilled {
    OrderBilled {
        order_id: order.order_id,
    }
}

#[event_handler("#", name = "audit")]
async fn audit(event: AnyEvent) {
    drop(event);
}

fn folder(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join("consumed")
        .join(test);
    let _ = fs::remove_dir_all(&folder);
    for event in [
        EventDescriptor::of::<other_service::OrderCreated>(),
        EventDescriptor::of::<other_service::CustomerMoved>(),
    ] {
        Folder::write(folder.join("consumed"), &Contract::of(&event)).expect("the folder can be written");
    }
    folder
}

#[test]
fn the_check_names_a_handler_that_cannot_read_an_event_of_its_patterns() {
    let app = App::new("billing").handlers(handlers![bill, audit]).describe();
    let Err(Error::Drift(drift)) = Check::new(folder("unread")).service(&app).write(false).run() else {
        panic!("the check must fail: the number can be null");
    };
    let text = drift.to_string();
    let failing: Vec<_> = drift
        .findings
        .iter()
        .filter(|finding| finding.severity.fails())
        .collect();
    assert_eq!(failing.len(), 1, "{text}");
    assert_eq!(failing[0].rule, Rule::BecameNonNull, "{text}");
    assert!(text.contains("data.total: handler `bill`: "), "{text}");
    // The returned event belongs to this service.
    assert!(
        text.contains("`order.billed` version 1 has no contract yet"),
        "{text}"
    );
}

#[test]
fn a_contract_that_no_pattern_receives_is_ignored() {
    let app = App::new("audit").handlers(handlers![audit]).describe();
    Check::new(folder("not_received"))
        .service(&app)
        .write(false)
        .run()
        .unwrap();
}
