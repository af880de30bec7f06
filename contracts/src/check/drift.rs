//! The report of a check: the breaks, the other changes, and what to do about them.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::check::environment::VARIABLE;
use crate::check::outdated::unified_diff;
use crate::compat::finding::Finding;
use crate::compat::outcome::{Outcome, StaleWaiver};
use crate::compat::waiver::Waivers;
use crate::contract::Contract;

/// Why a check failed. Its `Display` is the report for the person who runs the tests.
#[derive(Clone)]
pub struct Drift {
    folder: PathBuf,
    /// Breaks, undecided changes and warnings.
    pub findings: Vec<Finding>,
    /// The contracts that `TIDINGS_CONTRACTS=write` writes.
    pub changes: Vec<Changed>,
    /// Contracts that may not be written, because a finding fails.
    pub(crate) blocked: Vec<Changed>,
    /// Expired waivers that would cover a finding.
    expired: Vec<StaleWaiver>,
}

/// A contract that differs from its file without a break.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Changed {
    /// The contract as the code has it.
    pub contract: Contract,
    /// The text of the committed file; `None` when there is no file yet.
    pub committed: Option<String>,
}

impl Drift {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            findings: Vec::new(),
            changes: Vec::new(),
            blocked: Vec::new(),
            expired: Vec::new(),
        }
    }

    /// Removes waived findings, and allows the changes that they blocked.
    pub(crate) fn waive(&mut self, waivers: &Waivers) {
        let outcome = Outcome::today(std::mem::take(&mut self.findings), waivers);
        self.findings = outcome.findings;
        // A waiver without a finding may still be needed for the comparison with another branch.
        let covers = |stale: &StaleWaiver| self.failing().any(|finding| stale.waiver.covers(finding));
        self.expired = outcome.stale.into_iter().filter(covers).collect();
        let failing: Vec<String> = self.failing().map(|finding| finding.event_type.clone()).collect();
        let (blocked, free) = std::mem::take(&mut self.blocked)
            .into_iter()
            .partition(|change: &Changed| failing.contains(&change.contract.event_type));
        self.blocked = blocked;
        self.changes.extend(free);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.failing().next().is_none()
    }

    fn failing(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity.fails())
    }

    fn file(&self, contract: &Contract) -> PathBuf {
        // Show the path relative to the package.
        let folder = std::env::current_dir().ok();
        let folder = folder.and_then(|here| self.folder.strip_prefix(here).ok());
        folder.unwrap_or(&self.folder).join(contract.file_name())
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failing = self.failing().count();
        writeln!(f, "the events differ from their contracts")?;
        for finding in self.failing() {
            write_finding(f, finding)?;
        }
        if failing > 0 {
            writeln!(
                f,
                "\nA contract with a breaking change is not written. Undo the change, or follow the hint of the finding, or, \
                 when all its consumers agree, add a waiver to {}",
                self.folder.join("waivers.toml").display()
            )?;
        }
        for stale in &self.expired {
            writeln!(
                f,
                "\nthe waiver of {} expired on {}",
                stale.waiver.rule, stale.waiver.expires
            )?;
        }
        for warning in self.findings.iter().filter(|finding| !finding.severity.fails()) {
            write_finding(f, warning)?;
        }
        for change in &self.changes {
            write_change(f, &self.file(&change.contract), change)?;
        }
        if !self.changes.is_empty() {
            let what = if failing > 0 {
                "The other changes break"
            } else {
                "These changes break"
            };
            writeln!(f, "\n{what} no consumer; run with {VARIABLE}=write to accept:\n")?;
            writeln!(f, "    {VARIABLE}=write cargo test")?;
        }
        Ok(())
    }
}

fn write_finding(f: &mut fmt::Formatter<'_>, finding: &Finding) -> fmt::Result {
    writeln!(f, "\n{finding}")?;
    write!(f, "    rule {}, version {}", finding.rule, finding.version)?;
    for (name, text) in [("was", &finding.old), ("is", &finding.new)] {
        if let Some(text) = text {
            write!(f, ", {name} {text}")?;
        }
    }
    writeln!(f)
}

fn write_change(f: &mut fmt::Formatter<'_>, file: &Path, change: &Changed) -> fmt::Result {
    let file = file.display();
    let Some(committed) = &change.committed else {
        let Contract {
            event_type, version, ..
        } = &change.contract;
        return writeln!(
            f,
            "\n`{event_type}` version {version} has no contract yet: {file}"
        );
    };
    let now = change.contract.to_json();
    let diff = unified_diff(committed, &now, Some(("as committed", "as the code has it")));
    write!(f, "\nchanged: {file}\n{diff}")
}

// `unwrap` in a test prints the `Debug` form.
impl fmt::Debug for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
