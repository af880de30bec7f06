//! The audit finds what it is there for.

use shop::audit::Books;
use shop::basket::{self, Wish};
use shop::events::OrderCreated;
use shop::gateway::Charge;
use shop::inventory::Reservation;
use shop::ledger::Entries;
use shop::orders::{Order, Payment, Stock};

/// One order, and the books that are right for it.
fn paid() -> (Vec<Wish>, Books) {
    let wishes = basket::fill(1);
    let order = &wishes[0].order;
    let placed = OrderCreated {
        order_id: order.order_id,
        customer: order.customer.clone(),
        item: order.item.clone(),
        quantity: order.quantity,
        total_cents: 7800,
        card: order.card.clone(),
    };
    let held = Reservation::Held {
        item: order.item.clone(),
        quantity: order.quantity,
    };
    let books = Books {
        charges: Entries::from([(order.order_id, Charge::Taken(7800))]),
        reservations: Entries::from([(order.order_id, held)]),
        orders: Entries::from([(
            order.order_id,
            Order {
                placed,
                payment: Payment::Settled,
                stock: Stock::Reserved,
            },
        )]),
    };
    (wishes, books)
}

#[test]
fn right_books_balance() {
    let (wishes, books) = paid();
    assert_eq!(books.faults(&wishes), [""; 0]);
    assert!(books.open(&wishes).is_empty());
}

#[test]
fn a_lost_order_is_found() {
    let (wishes, mut books) = paid();
    books.orders.clear();
    let faults = books.faults(&wishes).join("; ");
    assert!(faults.contains("cart-01: the order is lost"), "{faults}");
    assert!(faults.contains("and 0 are due"), "{faults}");
    assert!(faults.contains("which no one placed"), "{faults}");
}

#[test]
fn a_wrong_charge_is_found() {
    let (wishes, mut books) = paid();
    books
        .charges
        .insert(wishes[0].order.order_id, Charge::Taken(15600));
    let faults = books.faults(&wishes).join("; ");
    assert!(faults.contains("15600 cents were charged"), "{faults}");
}

#[test]
fn stock_that_was_never_set_aside_is_found() {
    let (wishes, mut books) = paid();
    books.reservations.clear();
    let faults = books.faults(&wishes);
    assert!(
        matches!(&faults[..], [fault] if fault.contains("its stock in inventory is None")),
        "{faults:?}"
    );
}
