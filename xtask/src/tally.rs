//! Counts of passed and failed tests, read from the output of libtest.

/// How many tests passed and failed, with a line about each failure.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// One line each. They are printed above the table, for a reader who has only the end of the output.
    pub(crate) faults: Vec<String>,
}

impl Tally {
    /// Counts `failed` failures for one reason.
    pub(crate) fn fault(&mut self, failed: u64, why: String) {
        self.failed += failed;
        self.faults.push(why);
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.faults.extend(other.faults);
    }
}

/// The sums of all test binaries of one command.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Libtest {
    announced: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Libtest {
    /// Reads one line of output, and returns whether a test or a test binary has ended.
    pub(crate) fn read_line(&mut self, line: &str) -> bool {
        if let Some(tests) = opening(line) {
            self.announced += tests;
        } else if let Some([passed, failed, ignored]) = closing(line) {
            self.passed += passed;
            self.failed += failed;
            self.ignored += ignored;
            return true;
        }
        line.starts_with("test ") && line.contains(" ... ")
    }

    /// The result of `command`. `fault` says how the command failed, if it did.
    pub(crate) fn result(self, command: &str, fault: Option<String>) -> Tally {
        let mut tally = Tally {
            passed: self.passed,
            ..Tally::default()
        };
        if self.failed > 0 {
            tally.fault(
                self.failed,
                format!("{} failed in `{command}`", tests(self.failed)),
            );
        }
        if self.ignored > 0 {
            tally.fault(
                self.ignored,
                format!("{} ignored in `{command}`; repair or delete", tests(self.ignored)),
            );
        }
        let ended = self.passed + self.failed + self.ignored;
        if let Some(lost) = self.announced.checked_sub(ended).filter(|lost| *lost > 0) {
            // A test that exits the process ends the other tests too, and cargo may see a success.
            tally.fault(
                lost,
                format!("{} started and did not end in `{command}`", tests(lost)),
            );
        }
        match fault {
            // A failed test explains the exit code. Without one, the exit code is a failure of its own.
            Some(fault) if self.failed == 0 => {
                tally.fault(u64::from(tally.failed == 0), format!("`{command}` {fault}"));
            }
            None if self.announced == 0 => tally.fault(1, format!("`{command}` ran no test")),
            _ => {}
        }
        tally
    }
}

fn tests(count: u64) -> String {
    if count == 1 {
        "1 test".to_owned()
    } else {
        format!("{count} tests")
    }
}

// running 1 test
// running 12 tests
fn opening(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("running ")?;
    rest.strip_suffix(" tests")
        .or_else(|| rest.strip_suffix(" test"))?
        .parse()
        .ok()
}

// test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s
// test result: FAILED. 11 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
fn closing(line: &str) -> Option<[u64; 3]> {
    // The word `ok` may be coloured, so only the counts are read.
    let (_result, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = counts.split("; ");
    let mut next = |what| counts.next()?.strip_suffix(what)?.parse().ok();
    Some([next(" passed")?, next(" failed")?, next(" ignored")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Libtest {
        let mut libtest = Libtest::default();
        for line in lines {
            libtest.read_line(line);
        }
        libtest
    }

    const OK: &str =
        "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 4 filtered out; finished in 0.01s";

    #[test]
    fn the_counts_of_several_binaries_add_up() {
        let libtest = read(&[
            "running 2 tests",
            "test a ... ok",
            OK,
            "running 1 test",
            "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ]);
        assert_eq!(
            libtest.result("t", None),
            Tally {
                passed: 3,
                ..Tally::default()
            }
        );
    }

    #[test]
    fn a_coloured_result_is_read() {
        let line = "test result: \u{1b}[32mok\u{1b}(B\u{1b}[m. 7 passed; 0 failed; 0 ignored; 0 measured";
        assert_eq!(closing(line), Some([7, 0, 0]));
    }

    #[test]
    fn other_lines_count_nothing() {
        for line in [
            "",
            "test a ... ok",
            "running late",
            "running x tests",
            "test result: maybe",
            "a test result: ok. 1",
        ] {
            assert_eq!(read(&[line]), Libtest::default(), "{line}");
        }
    }

    #[test]
    fn a_test_that_ended_is_progress() {
        let mut libtest = Libtest::default();
        for (line, is_progress) in [
            ("running 2 tests", false),
            ("test a::b ... ok", true),
            ("test ui/x.rs ... FAILED", true),
            (OK, true),
            ("a test ... ok", false),
        ] {
            assert_eq!(libtest.read_line(line), is_progress, "{line}");
        }
    }

    #[test]
    fn failures_are_counted_once_though_the_exit_code_repeats_them() {
        let libtest = read(&[
            "running 3 tests",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
        ]);
        let tally = libtest.result("t", Some("ended with exit status: 101".to_owned()));
        assert_eq!((tally.passed, tally.failed), (1, 2));
        assert_eq!(tally.faults, ["2 tests failed in `t`"]);
    }

    #[test]
    fn an_ignored_test_is_a_failure() {
        let libtest = read(&[
            "running 2 tests",
            "test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured",
        ]);
        let tally = libtest.result("t", None);
        assert_eq!((tally.passed, tally.failed), (1, 1));
        assert_eq!(tally.faults, ["1 test ignored in `t`; repair or delete"]);
    }

    #[test]
    fn a_binary_that_exits_during_its_tests_is_a_failure() {
        let tally = read(&["running 5 tests", "running 2 tests", OK]).result("t", None);
        assert_eq!((tally.passed, tally.failed), (2, 5));
        assert_eq!(tally.faults, ["5 tests started and did not end in `t`"]);
    }

    #[test]
    fn tests_that_were_ended_are_reported_with_the_reason() {
        let tally = read(&["running 1 test"]).result("t", Some("was ended at its time limit".to_owned()));
        assert_eq!((tally.passed, tally.failed), (0, 1));
        assert_eq!(
            tally.faults,
            [
                "1 test started and did not end in `t`",
                "`t` was ended at its time limit"
            ]
        );
    }

    #[test]
    fn no_test_at_all_is_a_failure() {
        let tally = read(&["running 0 tests"]).result("t", None);
        assert_eq!((tally.passed, tally.failed), (0, 1));
        assert_eq!(tally.faults, ["`t` ran no test"]);
    }

    #[test]
    fn a_command_that_fails_before_its_tests_is_one_failure() {
        let tally = read(&[]).result("t", Some("ended with exit status: 101".to_owned()));
        assert_eq!((tally.passed, tally.failed), (0, 1));
        assert_eq!(tally.faults, ["`t` ended with exit status: 101"]);
    }
}
