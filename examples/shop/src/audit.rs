//! The audit: compares the books of the three services.

use std::collections::BTreeMap;
use std::fmt::Debug;

use uuid::Uuid;

use crate::basket::{Expected, PlannedOrder};
use crate::gateway::Charge;
use crate::inventory::{self, Reservation};
use crate::journal::Entries;
use crate::orders::{End, Order, Payment, Stock};

/// The books of the three services.
#[derive(Debug, Clone)]
pub struct Books {
    /// The books of orders.
    pub orders: Entries<Order>,
    /// The books of payments.
    pub charges: Entries<Charge>,
    /// The books of inventory.
    pub reservations: Entries<Reservation>,
}

impl Books {
    /// The money that customers have paid.
    pub fn cents(&self) -> u64 {
        self.charges.values().map(|charge| charge.cents()).sum()
    }

    /// The stock that is left, by item.
    pub fn stock(&self) -> BTreeMap<&'static str, u32> {
        inventory::stock(&self.reservations)
    }

    /// The end of an order, if it has ended.
    pub fn end(&self, order_id: Uuid) -> Option<End> {
        self.orders.get(&order_id)?.end()
    }

    /// The orders that have not ended yet.
    pub fn open<'a>(&self, planned: &'a [PlannedOrder]) -> Vec<&'a PlannedOrder> {
        let open = planned.iter().filter(|plan| !self.is_over(plan));
        open.collect()
    }

    fn is_over(&self, plan: &PlannedOrder) -> bool {
        let order_id = plan.order.order_id;
        match plan.expected {
            // A stuck order makes no more progress after its reservation.
            Expected::Stuck => self
                .orders
                .get(&order_id)
                .is_some_and(|order| order.stock == Stock::Reserved),
            Expected::Paid | Expected::Cancelled => self.end(order_id).is_some(),
        }
    }

    /// Every contradiction in the books.
    pub fn faults(&self, planned: &[PlannedOrder]) -> Vec<String> {
        let mut faults: Vec<String> = planned.iter().flat_map(|plan| self.faults_of(plan)).collect();
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

    fn faults_of(&self, plan: &PlannedOrder) -> Vec<String> {
        let (order_id, name) = (plan.order.order_id, &plan.correlation_id);
        let Some(order) = self.orders.get(&order_id) else {
            return vec![format!("{name}: the order is lost")];
        };
        let reserved = Reservation::Reserved {
            item: order.placed.item.clone(),
            quantity: order.placed.quantity,
        };
        let due = Charge::Taken(order.placed.total_cents);
        let (payment, stock, charge, reservation) = match plan.expected {
            Expected::Paid => (Payment::Settled, Stock::Reserved, Some(due), reserved),
            Expected::Cancelled => (
                Payment::Failed,
                Stock::Released,
                Some(Charge::Declined),
                Reservation::Released,
            ),
            Expected::Stuck => (Payment::Open, Stock::Reserved, None, reserved),
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
    (found != wanted).then(|| format!("{order}: its {what} is {found:?}, expected {wanted:?}"))
}
