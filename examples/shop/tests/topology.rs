//! Compares each service's topology with a reviewed snapshot. A queue's arguments cannot be changed after its
//! declaration, so review every change. `INSTA_UPDATE=always` before the test writes the snapshots.

use shop::gateway::Gateway;
use shop::inventory::{self, Shelf};
use shop::journal::Journal;
use shop::orders::{self, OrderBook};
use shop::payments;

#[test]
fn the_topology_of_orders_is_as_reviewed() {
    insta::assert_snapshot!(
        orders::app(OrderBook::new(Journal::in_memory()))
            .describe()
            .to_string()
    );
}

#[test]
fn the_topology_of_payments_is_as_reviewed() {
    insta::assert_snapshot!(
        payments::app(Gateway::new(Journal::in_memory()))
            .describe()
            .to_string()
    );
}

#[test]
fn the_committed_topology_is_current() {
    let orders = orders::app(OrderBook::new(Journal::in_memory())).describe();
    let payments = payments::app(Gateway::new(Journal::in_memory())).describe();
    let inventory = inventory::app(Shelf::new(Journal::in_memory())).describe();
    tidings_contracts::check_topology("contracts", [&orders, &payments, &inventory]).unwrap();
}

#[test]
fn the_topology_of_inventory_is_as_reviewed() {
    insta::assert_snapshot!(
        inventory::app(Shelf::new(Journal::in_memory()))
            .describe()
            .to_string()
    );
}
