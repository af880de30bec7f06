//! Compares two contracts of one event in both directions.

use super::accept::check_inclusion;
use super::change::{Change, changes_between};
use super::finding::{Direction, Finding, Severity};
use super::rule::Rule;
use super::shape::Shapes;
use crate::contract::Contract;

/// The directions in which contracts must be compatible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// No direction.
    None,
    /// New consumers read old events.
    Backward,
    /// Old consumers read new events.
    Forward,
    /// Both directions.
    #[default]
    Full,
}

impl Level {
    /// The directions that must be compatible.
    pub const fn directions(self) -> &'static [Direction] {
        match self {
            Self::None => &[],
            Self::Backward => &[Direction::Backward],
            Self::Forward => &[Direction::Forward],
            Self::Full => &[Direction::Backward, Direction::Forward],
        }
    }
}

/// Returns every change from `older` to `newer`, once per direction of `level`, with its severity in that direction.
///
/// A change without any effect, such as an inlined reference, is reported as `shape-only` if there is no other change.
pub fn compare(older: &Contract, newer: &Contract, level: Level) -> Vec<Finding> {
    let [old_writer, old_reader, new_writer, new_reader] =
        [&older.writer, &older.reader, &newer.writer, &newer.reader].map(Shapes::read);
    let mut changes = event_changes(older, newer);
    changes.extend(schema_changes(&old_writer, &old_reader, &new_writer, &new_reader));
    let mut findings = Vec::new();
    for direction in level.directions() {
        let breaks = match direction {
            Direction::Backward => check_inclusion(&old_writer, &new_reader, *direction, older.version),
            Direction::Forward => check_inclusion(&new_writer, &old_reader, *direction, older.version),
        };
        findings.extend(join(breaks, &changes, *direction, older.version));
    }
    if findings.is_empty() && older.digest() != newer.digest() {
        let only = Change::of(Rule::ShapeOnly, "data");
        findings.extend(
            level
                .directions()
                .iter()
                .map(|direction| only.finding(*direction, older.version)),
        );
    }
    for finding in &mut findings {
        finding.event_type.clone_from(&older.event_type);
    }
    findings
}

fn event_changes(older: &Contract, newer: &Contract) -> Vec<Change> {
    let texts = [
        ("type", &older.event_type, &newer.event_type),
        ("routingKey", &older.routing_key, &newer.routing_key),
    ];
    let changed = texts.into_iter().filter(|(_, old, new)| old != new);
    changed
        .map(|(path, old, new)| Change {
            backward: Severity::Break,
            forward: Severity::Break,
            old: Some(old.clone()),
            new: Some(new.clone()),
            ..Change::of(Rule::EventTypeChanged, path)
        })
        .collect()
}

/// Returns the changes of the readers, and the changes of the writers that the readers do not show.
fn schema_changes(
    old_writer: &Shapes,
    old_reader: &Shapes,
    new_writer: &Shapes,
    new_reader: &Shapes,
) -> Vec<Change> {
    let mut changes = changes_between(old_reader, new_reader);
    for mut change in changes_between(old_writer, new_writer) {
        match change.rule {
            Rule::BecameDefault => change.rule = Rule::WriterMaySkip,
            // Only the reader decides these: required fields, defaults and aliases.
            Rule::BecameRequired
            | Rule::DefaultChanged
            | Rule::AliasAdded
            | Rule::AliasRemoved
            | Rule::UnknownDenied
            | Rule::UnknownAllowed => continue,
            _ => {}
        }
        let known = |other: &Change| {
            other.path == change.path
                && (other.rule == change.rule || subject(other.rule) == subject(change.rule))
        };
        if !changes.iter().any(known) {
            changes.push(change);
        }
    }
    changes
}

/// Groups the rules about the same subject: a change gets the name of one of them.
fn subject(rule: Rule) -> u8 {
    match rule {
        Rule::FieldAddedOptional
        | Rule::FieldAddedRequired
        | Rule::FieldRemovedOptional
        | Rule::FieldRemovedRequired
        | Rule::FieldRenamed => 1,
        Rule::WriterMaySkip | Rule::BecameRequired => 2,
        Rule::TypeChanged
        | Rule::TaggingChanged
        | Rule::UntaggedVariantAdded
        | Rule::UntaggedReordered
        | Rule::VariantRemoved
        | Rule::VariantAdded
        | Rule::VariantPayload => 3,
        _ => 0,
    }
}

/// Merges breaks and changes. A break gets the rule of the change at the same path about the same subject.
fn join(mut findings: Vec<Finding>, changes: &[Change], direction: Direction, version: u32) -> Vec<Finding> {
    for finding in &mut findings {
        let same = |change: &&Change| change.path == finding.path && change.rule == finding.rule;
        let related = |change: &&Change| {
            change.path == finding.path
                && subject(finding.rule) != 0
                && subject(change.rule) == subject(finding.rule)
        };
        if changes.iter().any(|change| same(&change)) {
            continue;
        }
        if let Some(change) = changes.iter().find(related) {
            if finding.hint == finding.rule.hint() && !change.rule.hint().is_empty() {
                change.rule.hint().clone_into(&mut finding.hint);
            }
            finding.rule = change.rule;
        }
    }
    for change in changes {
        let known = findings
            .iter()
            .any(|finding| finding.path == change.path && finding.rule == change.rule);
        if !known {
            findings.push(change.finding(direction, version));
        }
    }
    findings
}

impl Change {
    fn of(rule: Rule, path: &str) -> Self {
        Self {
            rule,
            path: path.to_owned(),
            backward: Severity::Ok,
            forward: Severity::Ok,
            old: None,
            new: None,
        }
    }

    fn finding(&self, direction: Direction, version: u32) -> Finding {
        let severity = match direction {
            Direction::Backward => self.backward,
            Direction::Forward => self.forward,
        };
        let about = clause(self.rule.about());
        let problem = match (&self.old, &self.new) {
            (Some(old), Some(new)) => format!("{about} ({old} became {new})"),
            (Some(it), None) | (None, Some(it)) => format!("{about} ({it})"),
            (None, None) => about,
        };
        let hint = if severity == Severity::Ok {
            ""
        } else {
            self.rule.hint()
        };
        Finding {
            rule: self.rule,
            event_type: String::new(),
            version,
            path: self.path.clone(),
            direction,
            severity,
            old: self.old.clone(),
            new: self.new.clone(),
            problem,
            hint: hint.to_owned(),
        }
    }
}

/// Makes a sentence a clause.
fn clause(sentence: &str) -> String {
    let sentence = sentence.trim_end_matches('.');
    let mut letters = sentence.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
