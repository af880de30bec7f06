//! Golden events: the current types, with their upcasts, must read the committed examples.

use serde_json::Value;
use tidings::{DecodeError, EventDescriptor};

use crate::compat::finding::{Direction, Finding, Severity};
use crate::compat::rule::Rule;
use crate::contract::Contract;
use crate::error::with_sources;

/// Reads every example of `contract` as the current type of `event`.
pub(crate) fn check_goldens(contract: &Contract, event: &EventDescriptor, findings: &mut Vec<Finding>) {
    for (at, example) in contract.examples.iter().enumerate() {
        let Err(error) = reads(event, contract.version, example) else {
            continue;
        };
        let reason = with_sources(&error);
        findings.push(Finding {
            rule: Rule::GoldenEvent,
            event_type: contract.event_type.clone(),
            version: contract.version,
            path: format!("examples[{at}]"),
            direction: Direction::Backward,
            severity: Severity::Break,
            old: None,
            new: None,
            problem: format!(
                "`{}` version {} no longer reads this event of version {}: {reason}",
                event.rust_type(),
                event.version(),
                contract.version
            ),
            hint: Rule::GoldenEvent.hint().to_owned(),
        });
    }
}

/// Reads an event of version `version` as the current type.
pub(crate) fn reads(event: &EventDescriptor, version: u32, example: &Value) -> Result<(), DecodeError> {
    (event.introspect().rewrite)(version, &example.to_string()).map(drop)
}

/// Keeps each committed example whose shape the new contract lacks, because events of that shape were written.
pub(crate) fn keep_goldens(contract: &mut Contract, committed: &Contract) {
    for example in &committed.examples {
        let is_new = contract.examples.iter().all(|known| !alike(known, example));
        if is_new {
            contract.examples.push(example.clone());
        }
    }
}

/// Tells whether two values differ only in their texts, numbers and booleans.
fn alike(one: &Value, other: &Value) -> bool {
    use Value::{Array, Bool, Null, Number, Object, String};
    match (one, other) {
        (Object(one), Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|other| alike(value, other)))
        }
        (Array(one), Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (String(_), String(_)) | (Number(_), Number(_)) | (Bool(_), Bool(_)) | (Null, Null) => true,
        _ => false,
    }
}
