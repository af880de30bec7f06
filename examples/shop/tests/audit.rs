//! The audit finds contradictions in the books.

use shop::audit::Books;
use shop::basket::{self, PlannedOrder};
use shop::events::OrderCreated;
use shop::gateway::Charge;
use shop::inventory::Reservation;
use shop::journal::Entries;
use shop::orders::{Order, Payment, Stock};

/// One order, and the correct books for it.
fn paid() -> (Vec<PlannedOrder>, Books) {
    let planned = basket::fill(1);
    let order = &planned[0].order;
    let placed = OrderCreated {
        order_id: order.order_id,
        customer: order.customer.clone(),
        item: order.item.clone(),
        quantity: order.quantity,
        total_cents: 7800,
        card: order.card.clone(),
    };
    let reserved = Reservation::Reserved {
        item: order.item.clone(),
        quantity: order.quantity,
    };
    let books = Books {
        charges: Entries::from([(order.order_id, Charge::Taken(7800))]),
        reservations: Entries::from([(order.order_id, reserved)]),
        orders: Entries::from([(
            order.order_id,
            Order {
                placed,
                payment: Payment::Settled,
                stock: Stock::Reserved,
            },
        )]),
    };
    (planned, books)
}

#[test]
fn correct_books_balance() {
    let (planned, books) = paid();
    assert_eq!(books.faults(&planned), [""; 0]);
    assert!(books.open(&planned).is_empty());
}

#[test]
fn a_lost_order_is_found() {
    let (planned, mut books) = paid();
    books.orders.clear();
    let faults = books.faults(&planned).join("; ");
    assert!(faults.contains("cart-01: the order is lost"), "{faults}");
    assert!(faults.contains("and 0 are due"), "{faults}");
    assert!(faults.contains("which no one placed"), "{faults}");
}

#[test]
fn a_wrong_charge_is_found() {
    let (planned, mut books) = paid();
    books
        .charges
        .insert(planned[0].order.order_id, Charge::Taken(15600));
    let faults = books.faults(&planned).join("; ");
    assert!(faults.contains("15600 cents were charged"), "{faults}");
}

#[test]
fn a_missing_reservation_is_found() {
    let (planned, mut books) = paid();
    books.reservations.clear();
    let faults = books.faults(&planned);
    assert!(
        matches!(&faults[..], [fault] if fault.contains("its stock in inventory is None")),
        "{faults:?}"
    );
}
