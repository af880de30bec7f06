//! Checks the services' contracts in `contracts/`. The error of a breaking change names the consumers and the place,
//! and says what to do. `TIDINGS_CONTRACTS=write` before the test accepts compatible changes.

use shop::events::{
    OrderCancelled, OrderCreated, PaymentFailed, PaymentSettled, StockReleased, StockReserved,
};
use shop::gateway::Gateway;
use shop::inventory::{self, Shelf};
use shop::journal::Journal;
use shop::orders::{self, OrderBook};
use shop::payments;
use tidings::{EventDescriptor, events};
use tidings_contracts::Check;

const EVENTS: &[EventDescriptor] = events![
    OrderCreated,
    OrderCancelled,
    PaymentSettled,
    PaymentFailed,
    StockReserved,
    StockReleased,
];

#[test]
fn the_contracts_are_current() {
    tidings_contracts::check("contracts", EVENTS).unwrap();
}

#[test]
fn every_handler_reads_the_events_of_the_others() {
    let services = [
        orders::app(OrderBook::new(Journal::in_memory())).describe(),
        payments::app(Gateway::new(Journal::in_memory())).describe(),
        inventory::app(Shelf::new(Journal::in_memory())).describe(),
    ];
    for service in &services {
        Check::new("contracts")
            .events(EVENTS)
            .service(service)
            .run()
            .unwrap();
    }
}
