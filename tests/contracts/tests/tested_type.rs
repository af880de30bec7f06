//! A subject with its events and its contract.

use std::panic;

use tidings_contract_tests::subject::{Subject, TypeSet};
use tidings_contracts::Contract;

/// A type of a type set with its events and its contract.
pub(crate) struct TestedType {
    pub(crate) source: &'static str,
    pub(crate) events: Vec<String>,
    pub(crate) contract: Contract,
    decode: fn(&str) -> Result<(), String>,
}

impl TestedType {
    /// Creates all types of a type set. The export of each contract gets the others as older contracts, as in a folder
    /// that keeps all of them. Each contract is then read from the text of its file, so the findings rely on it alone.
    pub(crate) fn all(type_set: &TypeSet) -> Vec<Self> {
        let plain: Vec<Contract> = type_set
            .subjects
            .iter()
            .map(|subject| Contract::of(&subject.event))
            .collect();
        type_set
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

    pub(crate) fn reads(&self, event: &str) -> bool {
        // If a type requests a `bool` key, serde_json 1.0.154 splits the key within its first character and may panic.
        panic::catch_unwind(|| (self.decode)(event).is_ok()).unwrap_or(false)
    }

    /// Returns the first event that the type refuses, with serde's message.
    pub(crate) fn refuses<'a>(&self, events: &'a [String]) -> Option<(&'a str, String)> {
        events
            .iter()
            .find_map(|event| (self.decode)(event).err().map(|cause| (event.as_str(), cause)))
    }
}
