//! One command of a suite, and how its success is told.

use std::path::Path;
use std::time::Instant;

use crate::broker::Broker;
use crate::child;
use crate::suite::Form;
use crate::tally::{Libtest, Tally};
use crate::tool::CARGO;

/// One cargo command of a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    args: Vec<String>,
    proof: Proof,
}

/// What shows that a command did what it is there for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Proof {
    /// Its test binaries' own counts.
    Libtest,
    /// That it exits with success: one test.
    Success,
    /// That its dependency tree names none of these packages: one test.
    Lacks(&'static [&'static str]),
}

impl Step {
    /// `cargo test`, counted test by test.
    pub(crate) fn tests(args: &str) -> Self {
        // One binary's failure must not hide what the next one would say.
        Self::cargo(&format!("test {args} --no-fail-fast"), Proof::Libtest)
    }

    /// A cargo command that counts as one test, passed when it succeeds.
    pub(crate) fn succeeds(args: &str) -> Self {
        Self::cargo(args, Proof::Success)
    }

    /// A dependency tree that must name none of `packages`.
    pub(crate) fn lacks(packages: &'static [&'static str], args: &str) -> Self {
        Self::cargo(&format!("tree {args} --prefix none"), Proof::Lacks(packages))
    }

    fn cargo(args: &str, proof: Proof) -> Self {
        Self {
            args: args.split_whitespace().map(str::to_owned).collect(),
            proof,
        }
    }

    /// Runs the command in the workspace, its output passed on as it comes.
    pub(crate) fn run(&self, root: &Path, broker: &Broker, form: Form, deadline: Instant) -> Tally {
        let mut command = CARGO.command();
        command
            .args(&self.args)
            .current_dir(root)
            .env("RUST_BACKTRACE", "1");
        // A test run reads snapshots; it never writes them, and never waves them through.
        command.env("INSTA_UPDATE", "no").env_remove("INSTA_FORCE_PASS");
        broker.tell(&mut command);
        form.tell(&mut command);

        let mut libtest = Libtest::default();
        let mut packages = Vec::new();
        let end = child::run(&mut command, deadline, |line| {
            let line = String::from_utf8_lossy(line);
            print!("{line}");
            let line = line.trim_end();
            match self.proof {
                Proof::Libtest => libtest.hear(line),
                Proof::Success => {}
                Proof::Lacks(_) => packages.extend(line.split_whitespace().next().map(str::to_owned)),
            }
        });
        let fault = match end {
            Ok(end) => end.fault(),
            Err(error) => Some(format!("could not be run: {error}")),
        };
        match &self.proof {
            Proof::Libtest => libtest.judge(&self.to_string(), fault),
            Proof::Success => self.once(fault),
            Proof::Lacks(unwanted) => self.once(fault.or_else(|| stray(unwanted, &packages))),
        }
    }

    fn once(&self, fault: Option<String>) -> Tally {
        let mut tally = Tally::default();
        match fault {
            None => tally.passed = 1,
            Some(fault) => tally.fault(1, format!("`{self}` {fault}")),
        }
        tally
    }
}

/// What is wrong with a dependency tree.
fn stray(unwanted: &[&str], packages: &[String]) -> Option<String> {
    if packages.is_empty() {
        return Some("names no package at all".to_owned());
    }
    let found: Vec<&str> = unwanted
        .iter()
        .copied()
        .filter(|name| packages.iter().any(|is| is == name))
        .collect();
    (!found.is_empty()).then(|| format!("names {}", found.join(" and ")))
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cargo {}", self.args.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_tree_without_the_unwanted_is_fine() {
        assert_eq!(
            stray(
                &["tokio", "lapin"],
                &packages(&["tidings", "serde", "tokio-macros"])
            ),
            None
        );
    }

    #[test]
    fn an_unwanted_package_is_named() {
        let fault = stray(&["tokio", "lapin"], &packages(&["tidings", "lapin", "tokio"]));
        assert_eq!(fault.as_deref(), Some("names tokio and lapin"));
    }

    #[test]
    fn a_tree_that_says_nothing_proves_nothing() {
        assert_eq!(stray(&["tokio"], &[]).as_deref(), Some("names no package at all"));
    }

    #[test]
    fn a_step_reads_as_its_command() {
        assert_eq!(
            Step::tests("-p tidings --lib").to_string(),
            "cargo test -p tidings --lib --no-fail-fast"
        );
    }
}
