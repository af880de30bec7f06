//! What goes when an operator deletes something with events in it, and how that is told from what is lost.
//!
//! An event that was in a deleted queue, or came by while its binding was away, is gone, and no client can have it back.
//! Such an event is counted apart, and told by its time: its handler had not finished it when the thing was deleted, or
//! it was handed to `publish` before the thing was there again. Any other that is missing is lost.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use lapin::message::BasicGetMessage;

use crate::account::Account;
use crate::notebook::finished;
use crate::row::Row;
use crate::traffic::Traffic;
use crate::witness::number_and_id;

/// How long nothing is finished at the end before what is missing is gone or lost: what is gone never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// Which events may be gone, by handler.
#[derive(Debug, Default)]
pub(crate) struct Gone(HashMap<String, HashSet<u64>>);

/// The time in which something is away.
#[derive(Debug)]
pub(crate) struct Window {
    from: u64,
    unfinished: HashMap<String, HashSet<u64>>,
}

impl Window {
    /// Something of these handlers is about to be deleted.
    pub(crate) fn open(traffic: &mut Traffic, handlers: &[&str]) -> Self {
        let from = traffic.book().next();
        let lines = traffic.lines();
        let unfinished = |handler: &str| {
            let mut numbers: HashSet<u64> = (0..from).collect();
            for line in lines.iter().filter(|line| line.handler == handler) {
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
    pub(crate) fn close(self, traffic: &Traffic, gone: &mut Gone) {
        let until = traffic.book().next();
        for (handler, mut numbers) in self.unfinished {
            numbers.extend(self.from..until);
            gone.0.entry(handler).or_default().extend(numbers);
        }
    }
}

impl Gone {
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
        let finished = finished(&account.lines);
        let confirmed: HashSet<u64> = account.confirmed().collect();
        let mut gone = HashMap::new();
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
            gone.insert(handler, numbers);
        }
        account.gone = gone;
        notes
    }
}
