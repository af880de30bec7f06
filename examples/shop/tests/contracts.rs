//! Checks the services' contracts under `contracts/`. The error of a breaking change names the consumers, the place
//! and what to do. `TIDINGS_CONTRACTS=write` before the test accepts compatible changes.

use shop::events::{
    OrderCancelled, OrderCreated, PaymentFailed, PaymentSettled, StockReleased, StockReserved,
};
use shop::gateway::Gateway;
use shop::inventory::{self, Shelf};
use shop::journal::Journal;
use shop::orders::{self, OrderBook};
use shop::payments;
use tidings::events;
use tidings_contracts::Check;

#[test]
fn the_contracts_are_current() {
    tidings_contracts::check(
        "contracts",
        events![
            OrderCreated,
            OrderCancelled,
            PaymentSettled,
            PaymentFailed,
            StockReserved,
            StockReleased,
        ],
    )
    .unwrap();
}

#[test]
fn every_handler_reads_the_events_of_the_others() {
    let services = [
        orders::app(OrderBook::new(Journal::in_memory())).describe(),
        payments::app(Gateway::new(Journal::in_memory())).describe(),
        inventory::app(Shelf::new(Journal::in_memory())).describe(),
    ];
    let all = events![
        OrderCreated,
        OrderCancelled,
        PaymentSettled,
        PaymentFailed,
        StockReserved,
        StockReleased,
    ];
    for service in &services {
        Check::new("contracts")
            .events(all)
            .service(service)
            .run()
            .unwrap();
    }
}
