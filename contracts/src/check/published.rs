//! Checks the published events of a service against its committed contracts.

use tidings::EventDescriptor;

use crate::check::drift::{Changed, Drift};
use crate::check::golden::{check_goldens, keep_goldens, reads};
use crate::check::precision::warn_of_big_integers;
use crate::compat::accept::accepts;
use crate::compat::compare::{Level, compare};
use crate::compat::finding::{Direction, Finding, Severity};
use crate::compat::missing_event::{self, match_missing};
use crate::compat::rule::Rule;
use crate::contract::Contract;
use crate::contract::folder::Folder;

pub(crate) fn check_published(
    events: &[&EventDescriptor],
    committed: &Folder,
    level: Level,
    drift: &mut Drift,
) {
    for event in events {
        let contract = Contract::of_successor(event, committed.versions(event.event_type()));
        warn_of_big_integers(&contract, &mut drift.findings);
        if check_current(event, contract, committed, level, drift)
            && let Some(contract) = committed.get(event.event_type(), event.version())
        {
            check_goldens(contract, event, &mut drift.findings);
        }
        check_older(event, committed, level, drift);
    }
    check_missing(events, committed, drift);
}

/// Finds contracts of events that are not in the list any more.
fn check_missing(events: &[&EventDescriptor], committed: &Folder, drift: &mut Drift) {
    let is_known = |contract: &&Contract| {
        events
            .iter()
            .any(|event| event.event_type() == contract.event_type)
    };
    let mut missing: Vec<&Contract> = committed.iter().filter(|contract| !is_known(contract)).collect();
    // Report an event once, by its newest version.
    missing.reverse();
    missing.dedup_by_key(|contract| &contract.event_type);
    missing.reverse();
    if missing.is_empty() {
        return;
    }
    let fresh = events
        .iter()
        .filter(|event| committed.versions(event.event_type()).next().is_none());
    let fresh: Vec<Contract> = fresh.map(|event| Contract::of(event)).collect();
    for (old, renamed) in match_missing(missing, &fresh.iter().collect::<Vec<_>>()) {
        let finding = missing_event::finding(old, renamed, Direction::Forward);
        drift.findings.push(finding);
    }
}

/// Compares the current version with its contract; returns whether nothing breaks.
fn check_current(
    event: &EventDescriptor,
    mut contract: Contract,
    committed: &Folder,
    level: Level,
    drift: &mut Drift,
) -> bool {
    let Some(before) = committed.get(event.event_type(), event.version()) else {
        if let Some(newest) = committed.versions(event.event_type()).last()
            && newest.version > event.version()
        {
            drift.findings.push(version_lowered(event, newest));
            return false;
        }
        drift.changes.push(Changed {
            contract,
            committed: None,
        });
        return true;
    };
    keep_goldens(&mut contract, before);
    let text = before.to_json();
    if contract.to_json() == text {
        return true;
    }
    let findings = compare(before, &contract, level);
    let breaks = findings.iter().any(|finding| finding.severity.fails());
    drift.findings.extend(
        findings
            .into_iter()
            .filter(|finding| finding.severity > Severity::Ok),
    );
    if breaks {
        // This contract is written only if the break is waived. Drop the examples that the type cannot read then.
        contract
            .examples
            .retain(|example| reads(event, contract.version, example).is_ok());
    }
    let change = Changed {
        contract,
        committed: Some(text),
    };
    if breaks {
        drift.blocked.push(change);
    } else {
        drift.changes.push(change);
    }
    !breaks
}

/// Checks that the contracts of older versions exist and that the event can still read them.
fn check_older(event: &EventDescriptor, committed: &Folder, level: Level, drift: &mut Drift) {
    for contract in committed.versions(event.event_type()) {
        if contract.version >= event.version() {
            continue;
        }
        check_goldens(contract, event, &mut drift.findings);
        if matches!(level, Level::None | Level::Forward) {
            continue;
        }
        match event.versions().find(|known| known.version() == contract.version) {
            Some(known) => drift.findings.extend(unread(contract, known)),
            None => drift.findings.push(no_upcast(event, contract)),
        }
    }
    for version in 1..event.version() {
        if committed.get(event.event_type(), version).is_some() {
            continue;
        }
        match event.versions().find(|known| known.version() == version) {
            // The type of the version still exists, so its contract can be written.
            Some(known) => drift.changes.push(Changed {
                contract: Contract::of(known),
                committed: None,
            }),
            None if version + 1 == event.version() => drift.findings.push(no_contract(event, version)),
            None => {}
        }
    }
}

/// Returns the findings about events of `contract` that `known`, the type of the same version, cannot read.
pub(crate) fn unread(contract: &Contract, known: &EventDescriptor) -> Vec<Finding> {
    let reader = Contract::of_successor(known, [contract]).reader;
    let mut findings = accepts(&contract.writer, &reader);
    findings.retain(|finding| finding.severity > Severity::Ok);
    for finding in &mut findings {
        finding.event_type.clone_from(&contract.event_type);
        finding.version = contract.version;
    }
    findings
}

pub(crate) fn version_rule(event_type: &str, version: u32, problem: String, hint: String) -> Finding {
    Finding {
        rule: Rule::VersionRule,
        event_type: event_type.to_owned(),
        version,
        path: "version".to_owned(),
        direction: Direction::Backward,
        severity: Severity::Break,
        old: None,
        new: None,
        problem,
        hint,
    }
}

fn version_lowered(event: &EventDescriptor, newest: &Contract) -> Finding {
    version_rule(
        event.event_type(),
        event.version(),
        format!(
            "`{}` is version {}, and version {} has a contract: events of it would be dead-lettered",
            event.rust_type(),
            event.version(),
            newest.version
        ),
        format!("write #[event(version = {})] or more", newest.version),
    )
}

fn no_upcast(event: &EventDescriptor, contract: &Contract) -> Finding {
    version_rule(
        &contract.event_type,
        contract.version,
        format!(
            "`{}` is version {} and has no upcast from version {}: events of that version in queues and replays would be \
             dead-lettered",
            event.rust_type(),
            event.version(),
            contract.version
        ),
        format!(
            "add upcast_from to #[event(..)], or delete `{}` when no such event can arrive any more",
            contract.file_name()
        ),
    )
}

fn no_contract(event: &EventDescriptor, version: u32) -> Finding {
    version_rule(
        event.event_type(),
        version,
        format!(
            "`version` was raised to {}, and the contract of version {version} is missing",
            event.version()
        ),
        format!(
            "restore `{}.v{version}.json` from version control, and name its type with upcast_from",
            event.event_type()
        ),
    )
}
