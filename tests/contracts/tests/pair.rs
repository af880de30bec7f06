//! A writer and a reader: their findings, and what serde does.

use std::fmt::Write as _;

use tidings_contract_tests::subject::TypeSet;
use tidings_contracts::{Contract, Finding, Level, Rule, Severity, compare};

use crate::tested_type::TestedType;

/// Whether the findings agree with serde.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Agreement {
    /// No break, and serde reads every event; or a break, and serde refuses an event.
    Agreed,
    /// The check does not decide.
    Unknown,
    /// No break, and serde refuses an event; or a break, and serde reads every event.
    Wrong,
}

/// The events of one type, read by another.
pub(crate) struct Pair<'a> {
    writer: &'a TestedType,
    reader: &'a TestedType,
    /// The findings with the writer as the older contract, and as the newer one.
    findings: [Vec<Finding>; 2],
    refused: Option<(&'a str, String)>,
}

impl<'a> Pair<'a> {
    pub(crate) fn new(writer: &'a TestedType, reader: &'a TestedType) -> Self {
        Self {
            writer,
            reader,
            findings: both_directions(&writer.contract, &reader.contract),
            refused: reader.refuses(&writer.events),
        }
    }

    pub(crate) fn agreement(&self) -> Agreement {
        let findings = self.findings.each_ref().map(|findings| match worst(findings) {
            Severity::Unknown => Agreement::Unknown,
            severity if severity.fails() == self.refused.is_some() => Agreement::Agreed,
            _ => Agreement::Wrong,
        });
        findings[0].max(findings[1])
    }

    /// Returns a report of a disagreement.
    pub(crate) fn report(&self, type_set: &TypeSet) -> String {
        let Self { writer, reader, .. } = self;
        let mut report = format!(
            "--- {} in {}\nwritten by\n{}\nread by\n{}\n",
            type_set.theme, type_set.context, writer.source, reader.source
        );
        // Writing to a string cannot fail.
        for (age, findings) in ["older", "newer"].iter().zip(&self.findings) {
            let _ = writeln!(
                report,
                "findings with the writer as the {age}: {}",
                worst(findings)
            );
            for finding in findings {
                let _ = writeln!(report, "  {finding} [{}]", finding.rule);
            }
        }
        let _ = match &self.refused {
            Some((event, cause)) => writeln!(report, "serde: {cause}\n  {event}"),
            None => writeln!(report, "serde: reads all {} events", writer.events.len()),
        };
        report
    }
}

/// Compares in both directions: new consumers read old events, and old consumers read new events. serde does the same
/// in both.
fn both_directions(writer: &Contract, reader: &Contract) -> [Vec<Finding>; 2] {
    [
        compare(writer, reader, Level::Backward),
        compare(reader, writer, Level::Forward),
    ]
}

/// Returns the worst severity, without removed aliases, which concern events of earlier writers.
fn worst(findings: &[Finding]) -> Severity {
    let findings = findings
        .iter()
        .filter(|finding| finding.rule != Rule::AliasRemoved);
    findings
        .map(|finding| finding.severity)
        .max()
        .unwrap_or(Severity::Ok)
}
