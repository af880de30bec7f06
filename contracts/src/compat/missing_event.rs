//! Events that are missing in the new contracts: removed or renamed.

use super::finding::{Direction, Finding, Severity};
use super::nearest;
use super::rule::Rule;
use crate::contract::Contract;

/// Pairs each missing event with the event that it was renamed to, if any. `missing` are contracts of event types that
/// no longer exist. `fresh` are contracts of event types that did not exist before.
pub(crate) fn match_missing<'a, 'b>(
    missing: Vec<&'a Contract>,
    fresh: &'b [&'b Contract],
) -> Vec<(&'a Contract, Option<&'b Contract>)> {
    let mut taken: Vec<&str> = Vec::new();
    missing
        .into_iter()
        .map(|old| {
            let free = fresh
                .iter()
                .copied()
                .filter(|new| !taken.contains(&new.event_type.as_str()));
            let renamed = renamed_to(old, &free.collect::<Vec<_>>());
            taken.extend(renamed.map(|new| new.event_type.as_str()));
            (old, renamed)
        })
        .collect()
}

/// Finds the new name of `old`: an event of the same Rust type, or else of the same schemas.
fn renamed_to<'b>(old: &Contract, fresh: &[&'b Contract]) -> Option<&'b Contract> {
    let nearest_of = |is_same: &dyn Fn(&Contract) -> bool| {
        let same = || fresh.iter().copied().filter(|new| is_same(new));
        let name = nearest::to(&old.event_type, same().map(|new| new.event_type.as_str()))?;
        same().find(|new| new.event_type == name)
    };
    nearest_of(&|new| rust_type(old).is_some_and(|name| rust_type(new) == Some(name)))
        .or_else(|| nearest_of(&|new| unnamed_digest(old) == unnamed_digest(new)))
}

/// schemars writes the name of the Rust type as the title.
fn rust_type(contract: &Contract) -> Option<&str> {
    contract.writer.get("title")?.as_str()
}

fn unnamed_digest(contract: &Contract) -> String {
    let unnamed = Contract {
        event_type: String::new(),
        routing_key: String::new(),
        version: 0,
        ..contract.clone()
    };
    unnamed.digest()
}

/// Returns the finding of a missing event in one direction.
pub(crate) fn finding(old: &Contract, renamed: Option<&Contract>, direction: Direction) -> Finding {
    let file = old.file_name();
    let (rule, severity, problem, hint) = match (renamed, direction, &old.deprecated) {
        (Some(new), ..) => {
            let owner = rust_type(new).map_or_else(String::new, |name| format!(" on `{name}`"));
            (
                Rule::EventTypeChanged,
                Severity::Break,
                format!(
                    "it is now called `{}`, and consumers of `{}` no longer receive it",
                    new.event_type, old.event_type
                ),
                format!(
                    "write #[event(type = \"{}\")]{owner}, or publish both for a while and then delete `{file}`",
                    old.event_type
                ),
            )
        }
        (None, Direction::Backward, _) => (
            Rule::EventRemoved,
            Severity::Ok,
            NOT_PUBLISHED.to_owned(),
            String::new(),
        ),
        // The deprecation has warned its consumers.
        (None, Direction::Forward, Some(_)) => (
            Rule::EventRemoved,
            Severity::Warning,
            NOT_PUBLISHED.to_owned(),
            format!("delete `{file}` when it has no consumers any more"),
        ),
        (None, Direction::Forward, None) => (
            Rule::EventRemoved,
            Severity::Break,
            NOT_PUBLISHED.to_owned(),
            format!(
                "put it back and mark it #[deprecated]; delete `{file}` when it has no consumers any more"
            ),
        ),
    };
    Finding {
        rule,
        event_type: old.event_type.clone(),
        version: old.version,
        path: "type".to_owned(),
        direction,
        severity,
        old: renamed.map(|_| old.event_type.clone()),
        new: renamed.map(|new| new.event_type.clone()),
        problem,
        hint,
    }
}

const NOT_PUBLISHED: &str = "it is no longer published";
