//! The contracts of other services, held against the handlers whose patterns receive their events.

use std::fs;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{AnyEvent, App, DomainEvent, EventDescriptor, event_handler, handlers};
use tidings_contracts::{Check, Contract, Error, Folder, Rule};

/// What the owner publishes.
mod theirs {
    use super::*;

    /// An order, as its own service writes it.
    #[derive(Serialize, Deserialize, JsonSchema, DomainEvent)]
    #[event(type = "order.created", routing_key = "order.created.{region}")]
    pub(crate) struct OrderCreated {
        pub(crate) order_id: String,
        pub(crate) region: String,
        pub(crate) total: Option<u32>,
    }

    /// A customer, of whom no one here has heard.
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
        EventDescriptor::of::<theirs::OrderCreated>(),
        EventDescriptor::of::<theirs::CustomerMoved>(),
    ] {
        Folder::write(folder.join("consumed"), &Contract::of(&event)).expect("the folder can be written");
    }
    folder
}

#[test]
fn a_handler_that_does_not_read_what_its_patterns_receive_is_named() {
    let app = App::new("billing").handlers(handlers![bill, audit]).describe();
    let Err(Error::Drift(drift)) = Check::new(folder("unread")).service(&app).write(false).run() else {
        panic!("a null where a number is read");
    };
    let letter = drift.to_string();
    let failing: Vec<_> = drift
        .findings
        .iter()
        .filter(|finding| finding.severity.fails())
        .collect();
    assert_eq!(failing.len(), 1, "{letter}");
    assert_eq!(failing[0].rule, Rule::BecameNonNull, "{letter}");
    assert!(letter.contains("data.total: handler `bill`: "), "{letter}");
    // What it returns is its own to publish.
    assert!(
        letter.contains("`order.billed` version 1 has no contract yet"),
        "{letter}"
    );
}

#[test]
fn what_no_pattern_receives_is_no_ones_concern() {
    let app = App::new("audit").handlers(handlers![audit]).describe();
    Check::new(folder("unheard"))
        .service(&app)
        .write(false)
        .run()
        .unwrap();
}
