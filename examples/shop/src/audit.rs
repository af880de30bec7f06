//! The audit: whether the books of the three services say the same.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::basket::{Fate, Wish};
use crate::gateway::Charge;
use crate::inventory::{self, Reservation};
use crate::ledger::Entries;
use crate::orders::{End, Order, Payment, Stock};

/// The books of the three services.
#[derive(Debug, Clone)]
pub struct Books {
    /// Those of orders.
    pub orders: Entries<Order>,
    /// Those of payments.
    pub charges: Entries<Charge>,
    /// Those of inventory.
    pub reservations: Entries<Reservation>,
}

impl Books {
    /// The money that was taken.
    pub fn cents(&self) -> u64 {
        self.charges.values().map(|charge| charge.cents()).sum()
    }

    /// What is left for sale.
    pub fn stock(&self) -> BTreeMap<&'static str, u32> {
        inventory::stock(&self.reservations)
    }

    /// What became of an order, when it is over.
    pub fn fate(&self, order_id: Uuid) -> Option<Fate> {
        let order = self.orders.get(&order_id)?;
        match order.end() {
            Some(End::Paid) => Some(Fate::Paid),
            Some(End::Cancelled) => Some(Fate::Cancelled),
            None => None,
        }
    }

    /// The orders that have not come to their end.
    pub fn open<'a>(&self, wishes: &'a [Wish]) -> Vec<&'a Wish> {
        let open = wishes.iter().filter(|wish| !self.is_over(wish));
        open.collect()
    }

    fn is_over(&self, wish: &Wish) -> bool {
        let order_id = wish.order.order_id;
        match wish.fate {
            // It goes no further, so all there is to wait for is that it came this far.
            Fate::Stuck => self
                .orders
                .get(&order_id)
                .is_some_and(|order| order.stock == Stock::Reserved),
            Fate::Paid | Fate::Cancelled => self.fate(order_id).is_some(),
        }
    }

    /// Everything that does not balance.
    pub fn faults(&self, wishes: &[Wish]) -> Vec<String> {
        let mut faults: Vec<String> = wishes.iter().filter_map(|wish| self.fault_of(wish)).collect();
        for (order_id, charge) in &self.charges {
            let due = self.orders.get(order_id).map(|order| order.placed.total_cents);
            if charge.cents() != 0 && due != Some(charge.cents()) {
                faults.push(format!(
                    "{} cents were charged for order {order_id}, and {} are due",
                    charge.cents(),
                    due.unwrap_or(0)
                ));
            }
        }
        for order_id in self.reservations.keys() {
            if !self.orders.contains_key(order_id) {
                faults.push(format!("stock is kept for order {order_id}, which no one placed"));
            }
        }
        faults
    }

    fn fault_of(&self, wish: &Wish) -> Option<String> {
        let order_id = wish.order.order_id;
        let Some(order) = self.orders.get(&order_id) else {
            return Some(format!("{}: the order is lost", wish.correlation_id));
        };
        let held = Reservation::Held {
            item: order.placed.item.clone(),
            quantity: order.placed.quantity,
        };
        let due = Charge::Taken(order.placed.total_cents);
        let (payment, stock, charge, reservation) = match wish.fate {
            Fate::Paid => (Payment::Settled, Stock::Reserved, Some(due), held),
            Fate::Cancelled => (
                Payment::Failed,
                Stock::Released,
                Some(Charge::Declined),
                Reservation::Released,
            ),
            Fate::Stuck => (Payment::Open, Stock::Reserved, None, held),
        };
        let wanted = (payment, stock, charge.as_ref(), Some(&reservation));
        let found = (
            order.payment,
            order.stock,
            self.charges.get(&order_id),
            self.reservations.get(&order_id),
        );
        (found != wanted).then(|| {
            format!(
                "{}: the books say {found:?}, and {wanted:?} is right",
                wish.correlation_id
            )
        })
    }
}
