//! A writer and a reader: the verdict on them, and the truth.

use std::fmt::Write as _;

use tidings_contract_truth::subject::Family;
use tidings_contracts::{Contract, Finding, Level, Rule, Severity, compare};

use crate::tried::Tried;

/// Whether the verdict is the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Agreement {
    /// Ok, and every event is read; or a break, and an event shows it.
    Agreed,
    /// The engine does not decide.
    Unknown,
    /// Ok, and an event is not read; or a break that no event shows.
    Wrong,
}

/// The events of one type, given to another.
pub(crate) struct Pair<'a> {
    writer: &'a Tried,
    reader: &'a Tried,
    /// With the writer as the older contract, and as the newer one.
    ways: [Vec<Finding>; 2],
    refused: Option<(&'a str, String)>,
}

impl<'a> Pair<'a> {
    pub(crate) fn try_on(writer: &'a Tried, reader: &'a Tried) -> Self {
        Self {
            writer,
            reader,
            ways: both_ways(&writer.contract, &reader.contract),
            refused: reader.refuses(&writer.events),
        }
    }

    pub(crate) fn agreement(&self) -> Agreement {
        let ways = self.ways.each_ref().map(|findings| match worst(findings) {
            Severity::Unknown => Agreement::Unknown,
            severity if severity.fails() == self.refused.is_some() => Agreement::Agreed,
            _ => Agreement::Wrong,
        });
        ways[0].max(ways[1])
    }

    /// What someone needs who looks for the fault.
    pub(crate) fn letter(&self, family: &Family) -> String {
        let Self { writer, reader, .. } = self;
        let mut letter = format!(
            "--- {} in {}\nwritten by\n{}\nread by\n{}\n",
            family.theme, family.context, writer.source, reader.source
        );
        // Writing to a string cannot fail.
        for (way, findings) in ["older", "newer"].iter().zip(&self.ways) {
            let _ = writeln!(
                letter,
                "verdict with the writer as the {way}: {}",
                worst(findings)
            );
            for finding in findings {
                let _ = writeln!(letter, "  {finding} [{}]", finding.rule);
            }
        }
        let _ = match &self.refused {
            Some((event, cause)) => writeln!(letter, "serde: {cause}\n  {event}"),
            None => writeln!(letter, "serde: reads all {} events", writer.events.len()),
        };
        letter
    }
}

/// New consumers read what the writer wrote before, and old ones what it writes now: one truth, two verdicts.
fn both_ways(writer: &Contract, reader: &Contract) -> [Vec<Finding>; 2] {
    [
        compare(writer, reader, Level::Backward),
        compare(reader, writer, Level::Forward),
    ]
}

/// Less what is no matter of this writer's events: an alias is kept for those of writers before it.
fn worst(findings: &[Finding]) -> Severity {
    let findings = findings
        .iter()
        .filter(|finding| finding.rule != Rule::AliasRemoved);
    findings
        .map(|finding| finding.severity)
        .max()
        .unwrap_or(Severity::Ok)
}
