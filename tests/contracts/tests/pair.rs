//! A writer and a reader: the verdict on them, and the truth.

use std::fmt::Write as _;

use tidings_contract_truth::subject::Family;
use tidings_contracts::{Finding, Severity, accepts};

use crate::tried::Tried;

/// Whether the verdict is the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    findings: Vec<Finding>,
    refused: Option<(&'a str, String)>,
}

impl<'a> Pair<'a> {
    pub(crate) fn try_on(writer: &'a Tried, reader: &'a Tried) -> Self {
        Self {
            writer,
            reader,
            findings: accepts(&writer.contract.writer, &reader.contract.reader),
            refused: reader.refuses(&writer.events),
        }
    }

    pub(crate) fn severity(&self) -> Severity {
        self.findings
            .iter()
            .map(|finding| finding.severity)
            .max()
            .unwrap_or(Severity::Ok)
    }

    pub(crate) fn agreement(&self) -> Agreement {
        match self.severity() {
            Severity::Unknown => Agreement::Unknown,
            severity if severity.fails() == self.refused.is_some() => Agreement::Agreed,
            _ => Agreement::Wrong,
        }
    }

    /// What someone needs who looks for the fault.
    pub(crate) fn letter(&self, family: &Family) -> String {
        let Self { writer, reader, .. } = self;
        let mut letter = format!(
            "--- {} in {}\nwritten by\n{}\nread by\n{}\n",
            family.theme, family.context, writer.source, reader.source
        );
        // Writing to a string cannot fail.
        let _ = writeln!(letter, "verdict: {}", self.severity());
        for finding in &self.findings {
            let _ = writeln!(letter, "  {finding} [{}]", finding.rule);
        }
        let _ = match &self.refused {
            Some((event, cause)) => writeln!(letter, "serde: {cause}\n  {event}"),
            None => writeln!(letter, "serde: reads all {} events", writer.events.len()),
        };
        letter
    }
}
