//! What the services promise each other, as files under `contracts/`: a change that breaks one of them is a red test that
//! says whom, where, and how to go on. `TIDINGS_CONTRACTS=write` before the command accepts what breaks no one.

use shop::events::{
    OrderCancelled, OrderCreated, PaymentFailed, PaymentSettled, StockReleased, StockReserved,
};
use shop::gateway::Gateway;
use shop::inventory::{self, Shelf};
use shop::ledger::Ledger;
use shop::orders::{self, OrderBook};
use shop::payments;
use tidings::events;
use tidings_contracts::Check;

#[test]
fn contracts_hold() {
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
fn every_handler_reads_what_the_others_write() {
    let services = [
        orders::app(OrderBook::new(Ledger::in_memory())).describe(),
        payments::app(Gateway::new(Ledger::in_memory())).describe(),
        inventory::app(Shelf::new(Ledger::in_memory())).describe(),
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
