//! The audit: whether the books of the three services say the same.

use std::collections::BTreeMap;
use std::fmt::Debug;

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

    /// How an order ended, if it has.
    pub fn end(&self, order_id: Uuid) -> Option<End> {
        self.orders.get(&order_id)?.end()
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
            Fate::Paid | Fate::Cancelled => self.end(order_id).is_some(),
        }
    }

    /// Everything that does not balance.
    pub fn faults(&self, wishes: &[Wish]) -> Vec<String> {
        let mut faults: Vec<String> = wishes.iter().flat_map(|wish| self.faults_of(wish)).collect();
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

    fn faults_of(&self, wish: &Wish) -> Vec<String> {
        let (order_id, name) = (wish.order.order_id, &wish.correlation_id);
        let Some(order) = self.orders.get(&order_id) else {
            return vec![format!("{name}: the order is lost")];
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
        let faults = [
            fault(name, "payment in orders", &order.payment, &payment),
            fault(name, "stock in orders", &order.stock, &stock),
            fault(
                name,
                "charge in payments",
                &self.charges.get(&order_id),
                &charge.as_ref(),
            ),
            fault(
                name,
                "stock in inventory",
                &self.reservations.get(&order_id),
                &Some(&reservation),
            ),
        ];
        faults.into_iter().flatten().collect()
    }
}

fn fault<T: Debug + PartialEq>(order: &str, what: &str, found: &T, wanted: &T) -> Option<String> {
    (found != wanted).then(|| format!("{order}: its {what} is {found:?}, and {wanted:?} is right"))
}
