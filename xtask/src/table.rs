//! The table that a test run ends with.

use std::fmt;
use std::time::Duration;

use crate::tally::Tally;

/// A suite that has run, on one broker.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) suite: &'static str,
    /// The broker's name and version. If it could not be obtained, the version that was selected.
    pub(crate) on: String,
    pub(crate) tally: Tally,
    pub(crate) took: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    pub(crate) fn push(&mut self, row: Row) {
        self.0.push(row);
    }

    /// Whether there is a row, and none with a failure.
    pub(crate) fn passed(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|row| row.tally.failed == 0)
    }
}

impl fmt::Display for Table {
    /// The failures, then the table, then the sums in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.0 {
            for fault in &row.tally.faults {
                match row.on.as_str() {
                    "-" => writeln!(f, "{}: {fault}", row.suite)?,
                    on => writeln!(f, "{} on {on}: {fault}", row.suite)?,
                }
            }
        }
        if !self.passed() {
            writeln!(f)?;
        }
        let width = self
            .0
            .iter()
            .map(|row| row.suite.len())
            .chain([5])
            .max()
            .unwrap_or_default();
        let broker = self
            .0
            .iter()
            .map(|row| row.on.len())
            .chain([6])
            .max()
            .unwrap_or_default();
        writeln!(
            f,
            "{:width$}  {:broker$}  {:>6}  {:>6}  {:>7}",
            "suite", "broker", "passed", "failed", "seconds"
        )?;
        for Row {
            suite,
            on,
            tally,
            took,
        } in &self.0
        {
            let seconds = took.as_secs_f64();
            let Tally { passed, failed, .. } = tally;
            writeln!(
                f,
                "{suite:width$}  {on:broker$}  {passed:>6}  {failed:>6}  {seconds:>7.1}"
            )?;
        }
        let sum = |count: fn(&Tally) -> u64| self.0.iter().map(|row| count(&row.tally)).sum::<u64>();
        writeln!(
            f,
            "{} passed, {} failed",
            sum(|tally| tally.passed),
            sum(|tally| tally.failed)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(suite: &'static str, on: &str, passed: u64, failed: u64) -> Row {
        let faults = if failed > 0 {
            vec![format!("{failed} tests failed in `t`")]
        } else {
            Vec::new()
        };
        Row {
            suite,
            on: on.to_owned(),
            tally: Tally {
                passed,
                failed,
                faults,
            },
            took: Duration::from_millis(12_345),
        }
    }

    #[test]
    fn the_table_ends_with_the_sums() {
        let table = Table(vec![
            row("unit", "-", 312, 0),
            row("conformance", "memory", 88, 0),
            row("conformance", "RabbitMQ 3.10.8", 88, 0),
        ]);
        assert!(table.passed());
        assert_eq!(
            table.to_string(),
            "suite        broker           passed  failed  seconds\n\
             unit         -                   312       0     12.3\n\
             conformance  memory               88       0     12.3\n\
             conformance  RabbitMQ 3.10.8      88       0     12.3\n\
             488 passed, 0 failed\n"
        );
    }

    #[test]
    fn failures_are_printed_above_the_table() {
        let table = Table(vec![row("unit", "-", 1, 2), row("bus", "memory", 0, 1)]);
        assert!(!table.passed());
        assert_eq!(
            table.to_string(),
            "unit: 2 tests failed in `t`\n\
             bus on memory: 1 tests failed in `t`\n\n\
             suite  broker  passed  failed  seconds\n\
             unit   -            1       2     12.3\n\
             bus    memory       0       1     12.3\n\
             1 passed, 3 failed\n"
        );
    }

    #[test]
    fn an_empty_table_has_not_passed() {
        assert!(!Table::default().passed());
    }
}
