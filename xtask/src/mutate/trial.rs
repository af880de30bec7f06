//! A trial: the tests that are to notice a mutant, run on the copy.

use std::fmt;
use std::process::Command;
use std::time::Duration;

use super::copy::Copy;
use crate::child;
use crate::tally::Libtest;
use crate::tool::CARGO;

/// How long building may take, and then running: a mutant that hangs its tests is not caught by them.
const BUILDING: Duration = Duration::from_mins(20);
const RUNNING: Duration = Duration::from_mins(5);

/// One command and its arguments.
#[derive(Debug)]
pub(crate) struct Trial<'a>(&'a str);

/// What came of a mutant.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Tests failed.
    Caught { first: String, others: usize },
    /// None did.
    Survived,
    /// Nothing was shown: it does not apply, does not build, or its tests did not end as tests do.
    Unfit(String),
}

impl Verdict {
    pub(crate) fn is_caught(&self) -> bool {
        matches!(self, Self::Caught { .. })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caught { first, others: 0 } => f.write_str(first),
            Self::Caught { first, others } => write!(f, "{first}, and {others} more"),
            Self::Survived => f.write_str("NOTHING: every test passed"),
            Self::Unfit(why) => write!(f, "NOTHING: {why}"),
        }
    }
}

impl<'a> Trial<'a> {
    /// The tests of `cargo <command>`.
    pub(crate) fn new(command: &'a str) -> Self {
        Self(command)
    }

    /// Builds and runs them.
    pub(crate) fn run(&self, copy: &Copy) -> Verdict {
        let build = self.command(copy, &["--no-run", "--quiet"]);
        if let Err(fault) = run(build, BUILDING, |_| {}) {
            return Verdict::Unfit(format!("it does not build: cargo {fault}"));
        }
        let (mut libtest, mut failed) = (Libtest::default(), Vec::new());
        let mut said = Vec::new();
        let end = run(self.command(copy, &["--no-fail-fast"]), RUNNING, |line| {
            libtest.read_line(line);
            failed.extend(failed_test(line).map(str::to_owned));
            said.push(line.to_owned());
        });
        let tally = libtest.result(self.0, end.err());
        match failed.split_first() {
            Some((first, others)) => Verdict::Caught {
                first: first.clone(),
                others: others.len(),
            },
            None if tally.failed == 0 => Verdict::Survived,
            None => {
                said.iter().for_each(|line| println!("{line}"));
                Verdict::Unfit(tally.faults.join("; "))
            }
        }
    }

    fn command(&self, copy: &Copy, more: &[&str]) -> Command {
        let mut command = CARGO.command();
        let (before, after) = self.0.split_once(" -- ").unwrap_or((self.0, ""));
        command.args(before.split_whitespace()).args(more);
        if !after.is_empty() && !more.contains(&"--no-run") {
            command.arg("--").args(after.split_whitespace());
        }
        // Of the brokers only the one in memory: a node takes longer to start than most of these tests to run.
        command
            .current_dir(copy.place())
            .env("CARGO_TARGET_DIR", copy.target())
            .env_remove("TIDINGS_URL")
            .env(tidings_broker::BROKER, "memory")
            .env("INSTA_UPDATE", "no");
        command
    }
}

fn run(mut command: Command, time_limit: Duration, mut on_line: impl FnMut(&str)) -> Result<(), String> {
    let on_line = |line: &[u8]| {
        on_line(String::from_utf8_lossy(line).trim_end());
        false
    };
    match child::run(&mut command, time_limit, on_line) {
        Ok(end) => end.fault().map_or(Ok(()), Err),
        Err(error) => Err(format!("could not be run: {error}")),
    }
}

// test consume::settle::tests::a_lone_delivery_is_acknowledged_at_once ... FAILED
// test topic - should panic ... FAILED
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_that_failed_are_known_by_their_lines() {
        assert_eq!(failed_test("test a::b ... FAILED"), Some("a::b"));
        for line in [
            "test a::b ... ok",
            "test result: FAILED. 1 passed; 1 failed",
            "FAILED",
        ] {
            assert_eq!(failed_test(line), None, "{line}");
        }
    }
}
