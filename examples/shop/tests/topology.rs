//! What the shop has on a broker: each service's page, as it was last reviewed. A queue's arguments cannot be changed
//! once it is there, so a page that changes is a decision; `INSTA_UPDATE=always` before the test writes it anew.

use shop::gateway::Gateway;
use shop::inventory::{self, Shelf};
use shop::ledger::Ledger;
use shop::orders::{self, OrderBook};
use shop::payments;

#[test]
fn orders_has_on_the_broker_what_was_reviewed() {
    insta::assert_snapshot!(
        orders::app(OrderBook::new(Ledger::in_memory()))
            .describe()
            .to_string()
    );
}

#[test]
fn payments_has_on_the_broker_what_was_reviewed() {
    insta::assert_snapshot!(
        payments::app(Gateway::new(Ledger::in_memory()))
            .describe()
            .to_string()
    );
}

#[test]
fn nothing_vanishes_from_the_broker_unseen() {
    let orders = orders::app(OrderBook::new(Ledger::in_memory())).describe();
    let payments = payments::app(Gateway::new(Ledger::in_memory())).describe();
    let inventory = inventory::app(Shelf::new(Ledger::in_memory())).describe();
    tidings_contracts::check_topology("contracts", [&orders, &payments, &inventory]).unwrap();
}

#[test]
fn inventory_has_on_the_broker_what_was_reviewed() {
    insta::assert_snapshot!(
        inventory::app(Shelf::new(Ledger::in_memory()))
            .describe()
            .to_string()
    );
}
