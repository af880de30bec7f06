//! What a check found, as a letter: what breaks whom, what changed, and how to go on.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::check::environment::VARIABLE;
use crate::check::outdated::unified_diff;
use crate::compat::finding::Finding;
use crate::compat::outcome::{Outcome, StaleWaiver};
use crate::compat::waiver::Waivers;
use crate::contract::Contract;

/// All that keeps a check from being `Ok`; its `Display` is a letter to whoever runs the tests.
#[derive(Clone)]
pub struct Drift {
    /// The folder of the contracts.
    folder: PathBuf,
    /// What breaks someone, cannot be decided, or is worth knowing.
    pub findings: Vec<Finding>,
    /// What `TIDINGS_CONTRACTS=write` writes.
    pub changes: Vec<Changed>,
    /// What it would write if nothing failed.
    pub(crate) blocked: Vec<Changed>,
    /// Waivers that would have covered a finding, had they not expired.
    expired: Vec<StaleWaiver>,
}

/// A contract that is not what its file says, though no one is broken by it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Changed {
    /// The contract as it would be written.
    pub contract: Contract,
    /// The text of its file; `None` when there is none yet.
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

    /// Takes away what is waived, and lets go what it held back.
    pub(crate) fn waive(&mut self, waivers: &Waivers) {
        let outcome = Outcome::today(std::mem::take(&mut self.findings), waivers);
        self.findings = outcome.findings;
        // One of no use here may still serve where contracts are held against those of a branch.
        let covers = |stale: &StaleWaiver| self.failing().any(|finding| stale.waiver.covers(finding));
        self.expired = outcome.stale.into_iter().filter(covers).collect();
        let failing: Vec<String> = self.failing().map(|finding| finding.event_type.clone()).collect();
        let (blocked, free) = std::mem::take(&mut self.blocked)
            .into_iter()
            .partition(|change: &Changed| failing.contains(&change.contract.event_type));
        self.blocked = blocked;
        self.changes.extend(free);
    }

    /// Whether there is nothing that fails.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.failing().next().is_none()
    }

    /// The findings that fail.
    fn failing(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity.fails())
    }

    fn file(&self, contract: &Contract) -> PathBuf {
        // As someone in the package would name it.
        let folder = std::env::current_dir().ok();
        let folder = folder.and_then(|here| self.folder.strip_prefix(here).ok());
        folder.unwrap_or(&self.folder).join(contract.file_name())
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failing = self.failing().count();
        writeln!(f, "the contracts do not hold")?;
        for finding in self.failing() {
            write_finding(f, finding)?;
        }
        if failing > 0 {
            writeln!(
                f,
                "\nWhat breaks someone is not written over their contract: undo it, go on as the finding says, or, when \
                 everyone concerned agrees, waive it in {}",
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
                "The rest breaks"
            } else {
                "This breaks"
            };
            writeln!(f, "\n{what} no one; run with {VARIABLE}=write to accept:\n")?;
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

// `unwrap` in a test shows this form.
impl fmt::Debug for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
