//! Writes a report for a terminal.

use std::fmt::Write as _;

use super::Report;
use crate::compat::finding::Severity;

pub(super) fn write(report: &Report<'_>) -> String {
    let outcome = report.outcome;
    let mut text = String::new();
    let shown = |severity| report.verbose || severity != Severity::Ok;
    for finding in outcome.findings.iter().filter(|finding| shown(finding.severity)) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{finding} [{}]", finding.rule);
    }
    for (finding, waiver) in &outcome.waived {
        let _ = writeln!(
            text,
            "waived until {}: {finding} [{}] ({})",
            waiver.expires, finding.rule, waiver.reason
        );
    }
    for stale in &outcome.stale {
        let _ = writeln!(text, "{stale} [{}]", stale.why.id());
    }
    let counts = [
        (outcome.count(Severity::Break), "break"),
        (outcome.count(Severity::Unknown), "unknown"),
        (outcome.count(Severity::Warning), "warning"),
        (outcome.waived.len(), "waived"),
        (outcome.stale.len(), "stale waiver"),
    ];
    let counts: Vec<_> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| plural(count, what))
        .collect();
    let counts = if counts.is_empty() {
        "no findings".to_owned()
    } else {
        counts.join(", ")
    };
    let _ = writeln!(text, "{}: {counts}", plural(report.checked.len(), "contract"));
    text
}

fn plural(count: usize, what: &str) -> String {
    match (count, what) {
        (1, _) | (_, "waived" | "unknown") => format!("{count} {what}"),
        _ => format!("{count} {what}s"),
    }
}
