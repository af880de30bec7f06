//! Compares the shop's AsyncAPI document with the committed file. `TIDINGS_CONTRACTS=write` before the test writes the
//! file.

use shop::events::OrderCreated;
use shop::gateway::Gateway;
use shop::inventory::{self, Shelf};
use shop::journal::Journal;
use shop::orders::{self, OrderBook};
use shop::payments;
use tidings::events;
use tidings_contracts::asyncapi;

#[test]
fn the_document_of_the_shop_is_current() {
    let orders = orders::app(OrderBook::new(Journal::in_memory()));
    let payments = payments::app(Gateway::new(Journal::in_memory()));
    let inventory = inventory::app(Shelf::new(Journal::in_memory()));
    asyncapi(&orders.describe())
        .sending(events![OrderCreated]) // by the storefront
        .merge(asyncapi(&payments.describe()))
        .and_then(|shop| shop.merge(asyncapi(&inventory.describe())))
        .unwrap()
        .title("Shop")
        .description("Three services that know each other only by their events.")
        .check("asyncapi.json")
        .unwrap();
}
