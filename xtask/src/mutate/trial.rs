//! A trial: the tests that must catch a mutant, run on the copy.

use std::fmt;
use std::process::Command;
use std::time::Duration;

use super::copy::Copy;
use crate::child;
use crate::tally::Libtest;
use crate::tool::CARGO;

const BUILD_LIMIT: Duration = Duration::from_mins(20);
/// A mutant whose tests exceed this limit does not count as caught.
const TEST_LIMIT: Duration = Duration::from_mins(5);

/// The arguments of cargo.
#[derive(Debug)]
pub(crate) struct Trial<'a>(&'a str);

#[derive(Debug)]
pub(crate) enum TrialResult {
    Caught {
        first: String,
        others: usize,
    },
    Survived,
    /// The patch does not apply or build, or its tests did not end normally.
    Invalid(String),
}

impl TrialResult {
    pub(crate) fn is_caught(&self) -> bool {
        matches!(self, Self::Caught { .. })
    }
}

impl fmt::Display for TrialResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caught { first, others: 0 } => f.write_str(first),
            Self::Caught { first, others } => write!(f, "{first}, and {others} more"),
            Self::Survived => f.write_str("NOTHING: every test passed"),
            Self::Invalid(why) => write!(f, "NOTHING: {why}"),
        }
    }
}

impl<'a> Trial<'a> {
    pub(crate) fn new(command: &'a str) -> Self {
        Self(command)
    }

    pub(crate) fn run(&self, copy: &Copy) -> TrialResult {
        let build = self.command(copy, &["--no-run", "--quiet"]);
        if let Some(fault) = run(build, BUILD_LIMIT, |_| {}) {
            return TrialResult::Invalid(format!("it does not build: cargo {fault}"));
        }
        let (mut libtest, mut failed) = (Libtest::default(), Vec::new());
        let mut output = Vec::new();
        let fault = run(self.command(copy, &["--no-fail-fast"]), TEST_LIMIT, |line| {
            libtest.read_line(line);
            failed.extend(failed_test(line).map(str::to_owned));
            output.push(line.to_owned());
        });
        let tally = libtest.result(self.0, fault);
        match failed.split_first() {
            Some((first, others)) => TrialResult::Caught {
                first: first.clone(),
                others: others.len(),
            },
            None if tally.failed == 0 => TrialResult::Survived,
            None => {
                output.iter().for_each(|line| println!("{line}"));
                TrialResult::Invalid(tally.faults.join("; "))
            }
        }
    }

    fn command(&self, copy: &Copy, options: &[&str]) -> Command {
        let mut command = CARGO.command();
        let (before, after) = self.0.split_once(" -- ").unwrap_or((self.0, ""));
        command.args(before.split_whitespace()).args(options);
        if !after.is_empty() && !options.contains(&"--no-run") {
            command.arg("--").args(after.split_whitespace());
        }
        // Only the in-memory broker: a RabbitMQ node takes longer to start than most of these tests to run.
        command
            .current_dir(copy.folder())
            .env("CARGO_TARGET_DIR", copy.target())
            .env_remove("TIDINGS_URL")
            .env(tidings_broker::BROKER, "memory")
            .env("INSTA_UPDATE", "no");
        command
    }
}

fn run(mut command: Command, time_limit: Duration, mut on_line: impl FnMut(&str)) -> Option<String> {
    child::fault(child::run(&mut command, time_limit, |line| {
        on_line(String::from_utf8_lossy(line).trim_end());
        false
    }))
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
    fn failed_tests_are_read_from_the_output() {
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
