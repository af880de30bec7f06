//! One command of a suite, and how many tests its result counts for.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fmt};

use crate::broker::Broker;
use crate::child;
use crate::form::Form;
use crate::tally::{Libtest, Tally};
use crate::tool::CARGO;

/// How long a build may take. It only ends a build that hangs: a slow machine takes an hour for a cold one.
pub(crate) const BUILD_LIMIT: Duration = Duration::from_hours(3);

/// A command to run in the workspace.
#[derive(Debug)]
pub(crate) struct Step {
    args: Vec<String>,
    kind: StepKind,
}

#[derive(Debug)]
enum StepKind {
    /// `cargo test`: as many tests as libtest counts. The tests are built first, without the suite's time limit.
    Tests,
    /// The cargo command succeeds: one test.
    Succeeds,
    /// Cargo builds the binary of this name, then it runs and succeeds: one test.
    Runs(&'static str),
    /// Like `Succeeds`, with rustdoc writing JSON. The pinned rustdoc accepts the unstable option in this script only.
    RustdocJson,
    /// The dependency tree names none of these packages: one test.
    Lacks(&'static [&'static str]),
}

impl Step {
    /// `cargo test`, counted test by test.
    pub(crate) fn tests(args: &str) -> Self {
        // One binary's failure must not hide the failures of the next.
        Self::cargo(&format!("test {args} --no-fail-fast"), StepKind::Tests)
    }

    /// A cargo command that counts as one test, passed when it succeeds.
    pub(crate) fn succeeds(args: &str) -> Self {
        Self::cargo(args, StepKind::Succeeds)
    }

    /// A binary that counts as one test, passed when it succeeds.
    pub(crate) fn runs(args: &str, binary: &'static str) -> Self {
        Self::cargo(&format!("build {args} --bin {binary}"), StepKind::Runs(binary))
    }

    /// `cargo doc` into `target/doc/*.json`, with every warning an error.
    pub(crate) fn rustdoc_json(args: &str) -> Self {
        Self::cargo(&format!("doc {args}"), StepKind::RustdocJson)
    }

    /// A dependency tree that must name none of `packages`.
    pub(crate) fn lacks(packages: &'static [&'static str], args: &str) -> Self {
        Self::cargo(&format!("tree {args} --prefix none"), StepKind::Lacks(packages))
    }

    fn cargo(args: &str, kind: StepKind) -> Self {
        Self {
            args: args.split_whitespace().map(str::to_owned).collect(),
            kind,
        }
    }

    /// The targets of `cargo test` with these packages and features, such as `--lib` and `--test check`.
    pub(crate) fn test_targets(&self, packages: &str) -> Vec<String> {
        let args = self.args.join(" ");
        let targets = args
            .strip_prefix("test ")
            .and_then(|args| args.strip_prefix(packages));
        let targets = targets.unwrap_or_default().split(" --").skip(1);
        targets
            // Cargo builds documentation tests only when it runs them.
            .filter(|target| !["doc", "no-fail-fast"].contains(target))
            .map(|target| format!("--{target}"))
            .collect()
    }

    /// Runs the command in the workspace, and passes its output on. `time_limit` is for one test, not for a build.
    pub(crate) fn run(&self, root: &Path, broker: &Broker, form: Form, time_limit: Duration) -> Tally {
        let command = || {
            let mut command = CARGO.command();
            command.args(&self.args);
            prepare(&mut command, root, broker);
            form.set(&mut command);
            command
        };
        match &self.kind {
            StepKind::Tests => {
                let mut build = command();
                build.args(["--no-run", "--quiet"]);
                // Cargo compiles documentation tests while they run, and nothing else is left to build.
                let is_doc = self.args.iter().any(|arg| arg == "--doc");
                if !is_doc && let Some(fault) = child::run_and_print(&mut build, BUILD_LIMIT) {
                    return once(&format!("{self} --no-run"), Some(fault));
                }
                let mut libtest = Libtest::default();
                let end = child::run(&mut command(), time_limit, |line| {
                    libtest.read_line(print_line(line).trim_end())
                });
                libtest.result(&self.to_string(), child::fault(end))
            }
            StepKind::Succeeds => once(
                &self.to_string(),
                child::run_and_print(&mut command(), BUILD_LIMIT),
            ),
            StepKind::RustdocJson => {
                let mut command = command();
                command.env("RUSTDOC", root.join("tests/api/rustdoc"));
                command.env(
                    "RUSTDOCFLAGS",
                    "-D warnings -Z unstable-options --output-format json",
                );
                once(&self.to_string(), child::run_and_print(&mut command, BUILD_LIMIT))
            }
            StepKind::Runs(binary) => {
                if let Some(fault) = child::run_and_print(&mut command(), BUILD_LIMIT) {
                    return once(&self.to_string(), Some(fault));
                }
                let mut command = Command::new(target(root).join("debug").join(binary));
                prepare(&mut command, root, broker);
                once(binary, child::run_and_print(&mut command, time_limit))
            }
            StepKind::Lacks(unwanted) => {
                let mut packages = Vec::new();
                let end = child::run(&mut command(), BUILD_LIMIT, |line| {
                    packages.extend(print_line(line).split_whitespace().next().map(str::to_owned));
                    false
                });
                let fault = child::fault(end).or_else(|| unwanted_fault(unwanted, &packages));
                once(&self.to_string(), fault)
            }
        }
    }
}

fn prepare(command: &mut Command, root: &Path, broker: &Broker) {
    command.current_dir(root).env("RUST_BACKTRACE", "1");
    // A test run compares snapshots. It never writes them, and never accepts a difference.
    command.env("INSTA_UPDATE", "no").env_remove("INSTA_FORCE_PASS");
    broker.set(command);
}

/// Where cargo builds.
pub(crate) fn target(root: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}

fn print_line(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line).into_owned();
    print!("{line}");
    line
}

fn once(command: &str, fault: Option<String>) -> Tally {
    let mut tally = Tally::default();
    match fault {
        None => tally.passed = 1,
        Some(fault) => tally.fault(1, format!("`{command}` {fault}")),
    }
    tally
}

fn unwanted_fault(unwanted: &[&str], packages: &[String]) -> Option<String> {
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

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
    fn a_tree_without_the_unwanted_packages_passes() {
        assert_eq!(
            unwanted_fault(
                &["tokio", "lapin"],
                &packages(&["tidings", "serde", "tokio-macros"])
            ),
            None
        );
    }

    #[test]
    fn an_unwanted_package_is_named() {
        let fault = unwanted_fault(&["tokio", "lapin"], &packages(&["tidings", "lapin", "tokio"]));
        assert_eq!(fault.as_deref(), Some("names tokio and lapin"));
    }

    #[test]
    fn an_empty_tree_is_a_failure() {
        assert_eq!(
            unwanted_fault(&["tokio"], &[]).as_deref(),
            Some("names no package at all")
        );
    }

    #[test]
    fn a_step_is_shown_as_its_command() {
        assert_eq!(
            Step::tests("-p tidings --lib").to_string(),
            "cargo test -p tidings --lib --no-fail-fast"
        );
    }
}
