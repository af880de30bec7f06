//! The summary of a run.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use tidings::health::Health;

use crate::audit::Books;
use crate::inventory::CATALOGUE;
use crate::money::Cents;
use crate::timeline::Timeline;

/// The counts of a service's deliveries since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Deliveries that a handler has handled.
    pub handled: u64,
    /// Attempts that were followed by a retry.
    pub retried: u64,
    /// Deliveries of an event type that the service does not know.
    pub ignored: u64,
    /// Deliveries that were dead-lettered.
    pub dead_lettered: u64,
}

impl Counts {
    /// The number of settled deliveries.
    pub fn settled(self) -> u64 {
        self.handled + self.ignored + self.dead_lettered
    }

    /// Adds two counts.
    pub fn and(self, other: Self) -> Self {
        Self {
            handled: self.handled + other.handled,
            retried: self.retried + other.retried,
            ignored: self.ignored + other.ignored,
            dead_lettered: self.dead_lettered + other.dead_lettered,
        }
    }
}

impl From<&Health> for Counts {
    fn from(health: &Health) -> Self {
        let handlers = health.handlers.iter().map(|handler| Self {
            handled: handler.handled,
            retried: handler.retried,
            ignored: handler.ignored,
            dead_lettered: handler.dead_lettered,
        });
        handlers.fold(Self::default(), Self::and)
    }
}

/// The number of published events, by publisher.
pub fn published(orders: usize, strays: usize, timeline: &Timeline) -> String {
    let (returned, elapsed) = (timeline.published(), timeline.elapsed().as_secs_f64());
    let all = orders + strays + returned;
    format!(
        "{all} events were published in {elapsed:.1} s: {orders} orders, {strays} strays, {returned} by handlers\n"
    )
}

/// A table of the counts of each service and of all together.
pub fn counts(services: &[(&str, Counts)]) -> String {
    let all = services
        .iter()
        .fold(Counts::default(), |sum, (_, counts)| sum.and(*counts));
    let mut text = "              handled  retried  ignored  dead-lettered\n".to_owned();
    for (name, counts) in services.iter().chain([&("total", all)]) {
        let Counts {
            handled,
            retried,
            ignored,
            dead_lettered,
        } = counts;
        let _ = writeln!(
            text,
            "  {name:<10}  {handled:>7}  {retried:>7}  {ignored:>7}  {dead_lettered:>13}"
        );
    }
    text
}

/// A table of money and stock before and after.
pub fn totals(before: &Books, after: &Books) -> String {
    let mut text = "                 before       after\n".to_owned();
    let (money, money_after) = (Cents(before.cents()), Cents(after.cents()));
    let _ = writeln!(text, "  money      {money:>10}  {money_after:>10}");
    let (stock, stock_after) = (before.stock(), after.stock());
    for (item, ..) in CATALOGUE {
        let _ = writeln!(
            text,
            "  {item:<9}  {:>10}  {:>10}",
            stock[item], stock_after[item]
        );
    }
    text
}

/// Prints the faults, if any, and returns whether the books balance.
pub fn print_result(faults: &[String]) -> bool {
    if faults.is_empty() {
        println!("The books balance.");
        return true;
    }
    println!("The books do not balance:");
    for fault in faults {
        println!("  {fault}");
    }
    false
}
