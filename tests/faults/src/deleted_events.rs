//! Separates events that an operator deleted from events that were lost.
//!
//! No client can recover an event of a deleted queue, or an event that was published while its binding was missing.
//! A missing event counts as deleted if its handler had not finished it before the deletion, or if it was published
//! before the object existed again. Every other missing event is lost.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use lapin::message::BasicGetMessage;

use crate::account::Account;
use crate::handler_log::finished;
use crate::recorder::number_and_id;
use crate::row::Row;
use crate::traffic::Traffic;

/// The patience of the traffic in faults that delete events. It is short, because deleted events never arrive.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// The events that may be deleted, by handler.
#[derive(Debug, Default)]
pub(crate) struct DeletedEvents(HashMap<String, HashSet<u64>>);

/// The time from the deletion of a queue, a binding or an exchange until it exists again.
#[derive(Debug)]
pub(crate) struct DeletionWindow {
    from: u64,
    unfinished: HashMap<String, HashSet<u64>>,
}

impl DeletionWindow {
    /// Call this before an object of these handlers is deleted.
    pub(crate) fn open(traffic: &mut Traffic, handlers: &[&str]) -> Self {
        let from = traffic.publish_log().next_number();
        let entries = traffic.entries();
        let unfinished = |handler: &str| {
            let mut numbers: HashSet<u64> = (0..from).collect();
            for entry in entries.iter().filter(|entry| entry.handler == handler) {
                numbers.remove(&entry.number);
            }
            numbers
        };
        Self {
            from,
            unfinished: handlers
                .iter()
                .map(|&handler| (handler.to_owned(), unfinished(handler)))
                .collect(),
        }
    }

    /// Call this when the object exists again.
    pub(crate) fn close(self, traffic: &Traffic, deleted: &mut DeletedEvents) {
        let until = traffic.publish_log().next_number();
        for (handler, mut numbers) in self.unfinished {
            numbers.extend(self.from..until);
            deleted.0.entry(handler).or_default().extend(numbers);
        }
    }
}

impl DeletedEvents {
    /// Adds events that are in the orphans queue, so they are not lost.
    pub(crate) fn add_orphans(&mut self, handler: &str, orphans: &[BasicGetMessage]) {
        let numbers = orphans
            .iter()
            .filter_map(|message| number_and_id(&message.delivery.data))
            .map(|(number, _)| number);
        self.0.entry(handler.to_owned()).or_default().extend(numbers);
    }

    /// Returns the row of an account in which these events may be missing.
    pub(crate) fn into_row(self, mut account: Account, mut row: Row) -> Row {
        row.notes.extend(self.add_to(&mut account));
        account.into_row(row)
    }

    /// Adds the deleted events to an account. Returns a note for each handler.
    pub(crate) fn add_to(self, account: &mut Account) -> Vec<String> {
        let mut notes = Vec::new();
        let finished = finished(&account.entries);
        let confirmed: HashSet<u64> = account.confirmed().collect();
        let mut deleted = HashMap::new();
        for (handler, mut numbers) in self.0 {
            let dead: HashSet<u64> = account
                .dead
                .get(&handler)
                .into_iter()
                .flatten()
                .map(|(number, _)| *number)
                .collect();
            numbers.retain(|number| {
                confirmed.contains(number)
                    && !dead.contains(number)
                    && !finished.contains_key(&(handler.as_str(), *number))
            });
            notes.push(format!(
                "{} events of `{handler}` were deleted by an operator or are orphans",
                numbers.len()
            ));
            deleted.insert(handler, numbers);
        }
        account.deleted = deleted;
        notes
    }
}
