//! Writes annotations for GitHub, one per finding, at the contract's file.

use std::fmt::Write as _;

use super::Report;
use crate::compat::finding::Severity;

pub(super) fn write(report: &Report<'_>) -> String {
    let mut text = String::new();
    for finding in &report.outcome.findings {
        let level = match finding.severity {
            Severity::Break | Severity::Unknown => "error",
            Severity::Warning => "warning",
            Severity::Ok if report.verbose => "notice",
            Severity::Ok => continue,
        };
        let file = report.file(&finding.event_type, finding.version);
        annotate(&mut text, level, &file, finding.rule.id(), &finding.to_string());
    }
    for stale in &report.outcome.stale {
        let file = format!("{}/waivers.toml", report.folder.trim_end_matches('/'));
        annotate(&mut text, "error", &file, stale.why.id(), &stale.to_string());
    }
    text
}

fn annotate(text: &mut String, level: &str, file: &str, title: &str, message: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "::{level} file={},title={}::{}",
        property(file),
        property(title),
        data(message)
    );
}

/// Escapes the message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
