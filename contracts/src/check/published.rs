//! The events that a service publishes, held against the contracts that it has committed.

use tidings::EventDescriptor;

use crate::check::drift::{Changed, Drift};
use crate::check::golden::{check_goldens, keep_goldens, reads};
use crate::check::precision::warn_of_big_integers;
use crate::compat::accept::accepts;
use crate::compat::compare::{Level, compare};
use crate::compat::finding::{Direction, Finding, Severity};
use crate::compat::rule::Rule;
use crate::contract::Contract;
use crate::contract::folder::Folder;

/// Holds every event against its contracts, and looks for contracts that have no event.
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
    let is_known = |contract: &&Contract| {
        events
            .iter()
            .any(|event| event.event_type() == contract.event_type)
    };
    let mut gone: Vec<&Contract> = committed.iter().filter(|contract| !is_known(contract)).collect();
    // Of several versions the newest tells it all.
    gone.reverse();
    gone.dedup_by_key(|contract| &contract.event_type);
    gone.reverse();
    for contract in gone {
        drift.findings.push(removed(contract, events, committed));
    }
}

/// The version that the code has, against its own contract; whether it breaks no one.
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
        // It is written only when the break is waived, and with it what no one can read any more.
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

/// The versions before: their contracts are there, and whatever they describe is read.
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
            // Its type is still there, and so its contract can be.
            Some(known) => drift.changes.push(Changed {
                contract: Contract::of(known),
                committed: None,
            }),
            None if version + 1 == event.version() => drift.findings.push(no_contract(event, version)),
            None => {}
        }
    }
}

/// What the type of an older version does not read of its contract.
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
            "`{}` is version {} and cannot be made from version {}: events of it that are still on their way, or \
             replayed, would be dead-lettered",
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
            "`version` was raised to {}, and the contract of version {version} is not there",
            event.version()
        ),
        format!(
            "take `{}.v{version}.json` from version control again, and name its type with upcast_from",
            event.event_type()
        ),
    )
}

/// A contract without an event: the event is gone, or goes by another name.
fn removed(contract: &Contract, events: &[&EventDescriptor], committed: &Folder) -> Finding {
    let has_contract = |event: &EventDescriptor| committed.versions(event.event_type()).next().is_some();
    let renamed = events
        .iter()
        .filter(|event| !has_contract(event))
        .find(|event| is_same(contract, &Contract::of(event)));
    let file = contract.file_name();
    let (rule, new, problem, hint) = match renamed {
        Some(event) => (
            Rule::EventTypeChanged,
            Some(event.event_type().to_owned()),
            format!(
                "`{}` goes by the name `{}` now: whoever listens to `{}` hears no more of it",
                event.rust_type(),
                event.event_type(),
                contract.event_type
            ),
            format!(
                "write #[event(type = \"{}\")] on `{}`, or publish both for a while and then delete `{file}`",
                contract.event_type,
                last_word(event.rust_type())
            ),
        ),
        None => (
            Rule::EventRemoved,
            None,
            format!("no event in the list has the type `{}`", contract.event_type),
            format!(
                "put it back and mark it #[deprecated]; when no one listens to it any more, delete `{file}`"
            ),
        ),
    };
    Finding {
        rule,
        event_type: contract.event_type.clone(),
        version: contract.version,
        path: "type".to_owned(),
        direction: Direction::Forward,
        severity: Severity::Break,
        old: Some(contract.event_type.clone()),
        new,
        problem,
        hint,
    }
}

/// Whether two contracts are of one Rust type, as far as can be told: by its name, or by all of its fields.
fn is_same(one: &Contract, other: &Contract) -> bool {
    let title = |contract: &Contract| contract.writer.get("title").cloned();
    let unnamed = |contract: &Contract| {
        let mut contract = contract.clone();
        contract.event_type = String::new();
        contract.routing_key = String::new();
        contract.version = 0;
        contract.digest()
    };
    (title(one).is_some() && title(one) == title(other)) || unnamed(one) == unnamed(other)
}

fn last_word(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}
