//! Judges a folder of contracts by the one it was: versions that changed, vanished or came, events that are gone.

use std::collections::BTreeSet;

use super::compare::{Level, compare};
use super::finding::{Direction, Finding, Severity};
use super::nearest;
use super::rule::Rule;
use crate::contract::Contract;
use crate::contract::folder::Folder;

/// How strictly contracts are held against those they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// For the latest version of each event.
    pub latest: Level,
    /// For the older versions that are kept: queues, dead letters and replays hold their events.
    pub kept: Level,
}

impl Default for Policy {
    /// Full against the latest version, backward against all that are kept.
    fn default() -> Self {
        Self {
            latest: Level::Full,
            kept: Level::Backward,
        }
    }
}

impl Policy {
    /// The same level for every version, as the latest needs it; the kept ones need no forward direction.
    pub const fn level(level: Level) -> Self {
        let kept = match level {
            Level::Full | Level::Backward => Level::Backward,
            Level::Forward | Level::None => Level::None,
        };
        Self { latest: level, kept }
    }

    /// Only against the latest version of each event.
    pub const fn latest_only(self) -> Self {
        Self {
            kept: Level::None,
            ..self
        }
    }
}

/// Every change from the contracts `old` to the contracts `new`, ok ones included.
///
/// A version that breaks, or that vanishes while newer ones are there, is a finding of its own beside those that say where.
pub fn judge(old: &Folder, new: &Folder, policy: Policy) -> Vec<Finding> {
    let types: BTreeSet<&str> = old.iter().map(|contract| contract.event_type.as_str()).collect();
    let mut findings = Vec::new();
    let mut renamed = BTreeSet::new();
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
        } else {
            let moved = successor(latest, old, new).filter(|moved| !renamed.contains(moved));
            renamed.extend(moved);
            findings.extend(gone(latest, moved, policy.latest));
        }
    }
    findings
}

/// What became of one version of an event that is still there.
fn version(old: &Contract, new: &Folder, newest: &Contract, level: Level) -> Vec<Finding> {
    let Some(same) = new.get(&old.event_type, old.version) else {
        return lost(old, newest, level);
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
                "consumers that know version {} only retry events of version {} and then dead-letter them",
                old.version, newest.version
            ),
            hint: "let consumers know it first".to_owned(),
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
    let times = if breaks == 1 {
        "once".to_owned()
    } else {
        format!("{breaks} times")
    };
    Finding {
        problem: format!("version {} is broken within itself, {times}", old.version),
        hint: format!(
            "raise `version` to {next}, keep {}, and add upcast_from",
            old.file_name()
        ),
        ..finding(old, Rule::VersionRule, "version", direction, Severity::Break)
    }
}

/// A version that is kept no longer, while the event goes on.
fn lost(old: &Contract, newest: &Contract, level: Level) -> Vec<Finding> {
    let directions = level.directions().iter();
    let (problem, hint) = if newest.version < old.version {
        (
            format!(
                "version {} is gone, and the newest is {}",
                old.version, newest.version
            ),
            format!("go on from version {}: versions only rise", old.version),
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

/// An event that is gone, or goes by another type now.
fn gone(old: &Contract, moved: Option<&str>, level: Level) -> Vec<Finding> {
    let gone = |direction: &Direction| match moved {
        Some(moved) => renamed(old, moved, *direction),
        None => removed(old, *direction),
    };
    level.directions().iter().map(gone).collect()
}

fn renamed(old: &Contract, moved: &str, direction: Direction) -> Finding {
    Finding {
        old: Some(old.event_type.clone()),
        new: Some(moved.to_owned()),
        problem: format!(
            "it is called `{moved}` now, and nobody who waits for `{}` sees it",
            old.event_type
        ),
        hint: Rule::EventTypeChanged.hint().to_owned(),
        ..finding(old, Rule::EventTypeChanged, "type", direction, Severity::Break)
    }
}

fn removed(old: &Contract, direction: Direction) -> Finding {
    // Whoever deprecated it has said so long before.
    let severity = match (direction, &old.deprecated) {
        (Direction::Backward, _) => Severity::Ok,
        (Direction::Forward, Some(_)) => Severity::Warning,
        (Direction::Forward, None) => Severity::Break,
    };
    let hint = if severity == Severity::Ok {
        ""
    } else {
        Rule::EventRemoved.hint()
    };
    Finding {
        problem: "it is published no longer".to_owned(),
        hint: hint.to_owned(),
        ..finding(old, Rule::EventRemoved, "type", direction, severity)
    }
}

/// The new event of the same schemas, if there is one.
fn successor<'a>(old: &Contract, before: &Folder, new: &'a Folder) -> Option<&'a str> {
    let alike = |contract: &Contract| {
        let mut same = old.clone();
        same.event_type.clone_from(&contract.event_type);
        same.routing_key.clone_from(&contract.routing_key);
        same.version = contract.version;
        same.digest() == contract.digest()
    };
    let fresh = new
        .iter()
        .filter(|contract| before.versions(&contract.event_type).next().is_none());
    nearest::to(
        &old.event_type,
        fresh
            .filter(|contract| alike(contract))
            .map(|contract| contract.event_type.as_str()),
    )
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
