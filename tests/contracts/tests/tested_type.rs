//! A subject with its events and its contract.

use std::panic;

use tidings_contract_truth::subject::{Family, Subject};
use tidings_contracts::Contract;

/// A type of a family, tried.
pub(crate) struct Tried {
    pub(crate) source: &'static str,
    pub(crate) events: Vec<String>,
    pub(crate) contract: Contract,
    decode: fn(&str) -> Result<(), String>,
}

impl Tried {
    /// All of a family. Each contract is made with the others at hand, as in a folder where all are kept, and read from
    /// the text of its file: what the file does not hold, no verdict knows.
    pub(crate) fn all(family: &Family) -> Vec<Self> {
        let plain: Vec<Contract> = family
            .subjects
            .iter()
            .map(|subject| Contract::of(&subject.event))
            .collect();
        family
            .subjects
            .iter()
            .map(|subject| Self::one(subject, &plain))
            .collect()
    }

    fn one(subject: &Subject, kept: &[Contract]) -> Self {
        let text = Contract::of_successor(&subject.event, kept).to_json();
        let contract = Contract::from_json(&text)
            .unwrap_or_else(|reason| panic!("{reason}\n{}\n{text}", subject.source));
        let events = (subject.events)();
        assert!(!events.is_empty(), "no event is written by {}", subject.source);
        Self {
            source: subject.source,
            events,
            contract,
            decode: subject.decode,
        }
    }

    /// Whether the type reads an event.
    pub(crate) fn reads(&self, event: &str) -> bool {
        // serde_json 1.0.154 takes a key apart within its first character where a `bool` is asked for, and may panic.
        panic::catch_unwind(|| (self.decode)(event).is_ok()).unwrap_or(false)
    }

    /// The first of the events that the type does not read, and what serde says.
    pub(crate) fn refuses<'a>(&self, events: &'a [String]) -> Option<(&'a str, String)> {
        events
            .iter()
            .find_map(|event| (self.decode)(event).err().map(|cause| (event.as_str(), cause)))
    }
}
