//! What goes when an operator deletes something with events in it, and how that is told from what is lost.
//!
//! An event that was in a deleted queue, or came by while its binding was away, is deleted, and no client can have it back.
//! Such an event is counted apart, and told by its time: its handler had not finished it when the thing was deleted, or
//! it was handed to `publish` before the thing was there again. Any other that is missing is lost.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use lapin::message::BasicGetMessage;

use crate::account::Account;
use crate::handler_log::finished;
use crate::recorder::number_and_id;
use crate::row::Row;
use crate::traffic::Traffic;

/// How long nothing is finished at the end before what is missing is deleted or lost: what is deleted never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// Which events may be deleted, by handler.
#[derive(Debug, Default)]
pub(crate) struct DeletedEvents(HashMap<String, HashSet<u64>>);

/// The time in which something is away.
#[derive(Debug)]
pub(crate) struct DeletionWindow {
    from: u64,
    unfinished: HashMap<String, HashSet<u64>>,
}

impl DeletionWindow {
    /// Something of these handlers is about to be deleted.
    pub(crate) fn open(traffic: &mut Traffic, handlers: &[&str]) -> Self {
        let from = traffic.publish_log().next_number();
        let entries = traffic.entries();
        let unfinished = |handler: &str| {
            let mut numbers: HashSet<u64> = (0..from).collect();
            for line in entries.iter().filter(|entry| entry.handler == handler) {
                numbers.remove(&line.number);
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

    /// It is there again.
    pub(crate) fn close(self, traffic: &Traffic, deleted: &mut DeletedEvents) {
        let until = traffic.publish_log().next_number();
        for (handler, mut numbers) in self.unfinished {
            numbers.extend(self.from..until);
            deleted.0.entry(handler).or_default().extend(numbers);
        }
    }
}

impl DeletedEvents {
    /// These were found where a handler does not have them, and are kept there.
    pub(crate) fn know(&mut self, handler: &str, found: &[BasicGetMessage]) {
        let numbers = found
            .iter()
            .filter_map(|message| number_and_id(&message.delivery.data))
            .map(|(number, _)| number);
        self.0.entry(handler.to_owned()).or_default().extend(numbers);
    }

    /// The row of an account in which these may be missing.
    pub(crate) fn into_row(self, mut account: Account, mut row: Row) -> Row {
        row.notes.extend(self.mark(&mut account));
        account.into_row(row)
    }

    /// Notes in an account those of these that are missing there; how many they are, a sentence a handler.
    pub(crate) fn mark(self, account: &mut Account) -> Vec<String> {
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
                "{} events of `{handler}` went or wait where the operator's hand left them",
                numbers.len()
            ));
            deleted.insert(handler, numbers);
        }
        account.deleted = deleted;
        notes
    }
}
