//! The stories: what happened to each order, from its request to its last event.

use crate::audit::Books;
use crate::basket::PlannedOrder;
use crate::money::Cents;
use crate::orders::End;
use crate::strays;
use crate::timeline::Timeline;

/// Prints the story of each order and of each stray.
pub fn print(planned: &[PlannedOrder], books: &Books, timeline: &Timeline) {
    for plan in planned {
        println!("{}", headline(plan, books));
        print_one(&plan.correlation_id, timeline);
    }
    println!("A stray order that no service can read");
    print_one(strays::POISON, timeline);
    println!("A stray event that no service knows");
    print_one(strays::EXOTIC, timeline);
}

fn headline(plan: &PlannedOrder, books: &Books) -> String {
    let order = &plan.order;
    let placed = books.orders.get(&order.order_id);
    let total = Cents(placed.map_or(0, |order| order.placed.total_cents));
    let end = match books.end(order.order_id) {
        Some(End::Paid) => "paid",
        Some(End::Cancelled) => "cancelled",
        None => "waits for an operator",
    };
    let (customer, quantity, item, card) = (&order.customer, order.quantity, &order.item, &order.card);
    format!("{customer} orders {quantity} {item} for {total} with {card}: {end}")
}

fn print_one(correlation_id: &str, timeline: &Timeline) {
    let story = timeline.story(correlation_id);
    if story.is_empty() {
        println!("           {correlation_id}  no handler ran");
    }
    for moment in story {
        println!("{moment}");
    }
    println!();
}
