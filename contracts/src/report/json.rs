//! Writes a report as JSON.

use serde_json::{Value, json};

use super::Report;
use crate::compat::finding::{Finding, Severity};

pub(super) fn write(report: &Report<'_>) -> String {
    let outcome = report.outcome;
    let shown = |finding: &&Finding| report.verbose || finding.severity != Severity::Ok;
    let waived = outcome.waived.iter().map(|(waived, waiver)| {
        let mut waived = finding(waived);
        waived["reason"] = json!(waiver.reason);
        waived["expires"] = json!(waiver.expires.to_string());
        waived
    });
    let stale = outcome.stale.iter().map(|stale| {
        json!({
            "rule": stale.why.id(),
            "waives": stale.waiver.rule.id(),
            "type": stale.waiver.event_type,
            "path": stale.waiver.path,
            "expires": stale.waiver.expires.to_string(),
        })
    });
    let report = json!({
        "ok": !outcome.fails(),
        "checked": report.checked.len(),
        "findings": outcome.findings.iter().filter(shown).map(finding).collect::<Vec<_>>(),
        "waived": waived.collect::<Vec<_>>(),
        "staleWaivers": stale.collect::<Vec<_>>(),
    });
    format!("{report:#}\n")
}

fn finding(finding: &Finding) -> Value {
    json!({
        "rule": finding.rule.id(),
        "type": finding.event_type,
        "version": finding.version,
        "path": finding.path,
        "direction": finding.direction.name(),
        "severity": finding.severity.name(),
        "old": finding.old,
        "new": finding.new,
        "problem": finding.problem,
        "hint": finding.hint,
    })
}
