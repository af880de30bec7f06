//! Compares two folders of contracts: changed, missing and new versions, and missing events.

use std::collections::BTreeSet;

use super::compare::{Level, compare};
use super::finding::{Direction, Finding, Severity};
use super::missing_event::{self, match_missing};
use super::rule::Rule;
use crate::contract::Contract;
use crate::contract::folder::Folder;

/// The levels at which folders are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The level for the latest version of each event.
    pub latest: Level,
    /// The level for older versions: queues, dead letters and replays may still hold their events.
    pub kept: Level,
}

impl Default for Policy {
    /// Full for the latest version, backward for older ones.
    fn default() -> Self {
        Self {
            latest: Level::Full,
            kept: Level::Backward,
        }
    }
}

impl Policy {
    /// The same level for every version. Older versions need no forward direction.
    pub const fn level(level: Level) -> Self {
        let kept = match level {
            Level::Full | Level::Backward => Level::Backward,
            Level::Forward | Level::None => Level::None,
        };
        Self { latest: level, kept }
    }

    /// Compares the latest version of each event only.
    pub const fn latest_only(self) -> Self {
        Self {
            kept: Level::None,
            ..self
        }
    }
}

/// Returns every change from the contracts `old` to the contracts `new`, compatible ones included.
///
/// A broken version is a finding of its own, beside the findings of its changes. So is a version that is missing while
/// newer ones exist.
pub fn judge(old: &Folder, new: &Folder, policy: Policy) -> Vec<Finding> {
    let types: BTreeSet<&str> = old.iter().map(|contract| contract.event_type.as_str()).collect();
    let missing = types
        .iter()
        .filter(|event_type| new.versions(event_type).next().is_none());
    let missing = missing.filter_map(|event_type| old.versions(event_type).last());
    let fresh: Vec<&Contract> = new
        .iter()
        .filter(|contract| old.versions(&contract.event_type).next().is_none())
        .collect();
    let mut missing = match_missing(missing.collect(), &fresh).into_iter();
    let mut findings = Vec::new();
    for event_type in types {
        let Some(latest) = old.versions(event_type).last() else {
            continue;
        };
        if let Some(newest) = new.versions(event_type).last() {
            for contract in old.versions(event_type) {
                let is_latest = contract.version == latest.version;
                let level = if is_latest { policy.latest } else { policy.kept };
                findings.extend(version(contract, new, newest, level));
            }
        } else if let Some((event, renamed)) = missing.next() {
            let directions = policy.latest.directions().iter();
            findings.extend(directions.map(|direction| missing_event::finding(event, renamed, *direction)));
        }
    }
    findings
}

/// Compares one version of an event that still exists.
fn version(old: &Contract, new: &Folder, newest: &Contract, level: Level) -> Vec<Finding> {
    let Some(same) = new.get(&old.event_type, old.version) else {
        return missing_version(old, newest, level);
    };
    let mut findings = compare(old, same, level);
    for direction in level.directions() {
        let of_direction = findings.iter().filter(|finding| finding.direction == *direction);
        let breaks = of_direction.filter(|finding| finding.is_break()).count();
        if breaks > 0 {
            findings.push(broken(old, *direction, breaks));
        }
    }
    if newest.version > old.version && level.directions().contains(&Direction::Forward) {
        findings.push(Finding {
            old: Some(old.version.to_string()),
            new: Some(newest.version.to_string()),
            problem: format!(
                "consumers of version {} retry events of version {} and then dead-letter them",
                old.version, newest.version
            ),
            hint: "update the consumers first".to_owned(),
            ..finding(
                old,
                Rule::VersionRule,
                "version",
                Direction::Forward,
                Severity::Warning,
            )
        });
    }
    findings
}

fn broken(old: &Contract, direction: Direction, breaks: usize) -> Finding {
    let next = old.version + 1;
    let changes = if breaks == 1 {
        "1 breaking change".to_owned()
    } else {
        format!("{breaks} breaking changes")
    };
    Finding {
        problem: format!("version {} has {changes}", old.version),
        hint: format!(
            "raise `version` to {next}, keep {}, and add upcast_from",
            old.file_name()
        ),
        ..finding(old, Rule::VersionRule, "version", direction, Severity::Break)
    }
}

/// The event still exists, but this version does not.
fn missing_version(old: &Contract, newest: &Contract, level: Level) -> Vec<Finding> {
    let directions = level.directions().iter();
    let (problem, hint) = if newest.version < old.version {
        (
            format!(
                "version {} is missing, and the newest is {}",
                old.version, newest.version
            ),
            format!("continue from version {}: versions only rise", old.version),
        )
    } else {
        (
            format!(
                "no contract of version {} is left, and queues may hold its events",
                old.version
            ),
            format!("keep {}, and add upcast_from", old.file_name()),
        )
    };
    directions
        .filter(|direction| newest.version < old.version || **direction == Direction::Backward)
        .map(|direction| Finding {
            old: Some(old.version.to_string()),
            new: Some(newest.version.to_string()),
            problem: problem.clone(),
            hint: hint.clone(),
            ..finding(old, Rule::VersionRule, "version", *direction, Severity::Break)
        })
        .collect()
}

fn finding(old: &Contract, rule: Rule, path: &str, direction: Direction, severity: Severity) -> Finding {
    Finding {
        rule,
        event_type: old.event_type.clone(),
        version: old.version,
        path: path.to_owned(),
        direction,
        severity,
        old: None,
        new: None,
        problem: String::new(),
        hint: String::new(),
    }
}
