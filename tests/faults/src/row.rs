//! A row of the table: the result of a fault.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The result of a fault. Counts are numbers of events unless stated otherwise.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Row {
    /// The name of the fault.
    pub fault: String,
    /// How often the fault was injected.
    pub times: u32,
    /// Published events.
    pub published: u64,
    /// Events for which `publish` returned `Ok`.
    pub confirmed: u64,
    /// Events that every handler finished.
    pub handled: u64,
    /// How often a handler finished an event again.
    pub redelivered: u64,
    /// Events that a handler dead-lettered.
    pub dead_lettered: u64,
    /// Confirmed events that some handler neither finished nor dead-lettered.
    pub lost: u64,
    /// Confirmed events that never reached the broker.
    pub wrong_ok: u64,
    /// The longest time without a completion while events were published.
    pub longest_pause: Duration,
    /// Other results, one sentence each.
    pub notes: Vec<String>,
    /// Failed checks, one sentence each.
    pub failed: Vec<String>,
}

impl Row {
    /// Whether no event was lost, no `Ok` was wrong and every check passed.
    pub fn passed(&self) -> bool {
        self.lost == 0 && self.wrong_ok == 0 && self.failed.is_empty()
    }

    /// Adds the failure unless the check passed.
    pub fn check(&mut self, passed: bool, failure: impl FnOnce() -> String) {
        if !passed {
            self.failed.push(failure());
        }
    }

    /// Adds the result of the same fault in another run: sums the counts and keeps the longest pause.
    pub fn add(&mut self, other: &Self) {
        self.times += other.times;
        self.published += other.published;
        self.confirmed += other.confirmed;
        self.handled += other.handled;
        self.redelivered += other.redelivered;
        self.dead_lettered += other.dead_lettered;
        self.lost += other.lost;
        self.wrong_ok += other.wrong_ok;
        self.longest_pause = self.longest_pause.max(other.longest_pause);
        self.notes.extend(other.notes.iter().cloned());
        self.failed.extend(other.failed.iter().cloned());
    }

    /// The failures, one line each.
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        if self.lost > 0 {
            failures.push(format!("{} events were lost", self.lost));
        }
        if self.wrong_ok > 0 {
            failures.push(format!(
                "{} events were confirmed but never reached the broker",
                self.wrong_ok
            ));
        }
        failures.extend(self.failed.iter().cloned());
        failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_a_wrong_ok_or_a_failed_check_fails_the_row() {
        let row = Row::default();
        assert!(row.passed());
        let lost = Row {
            lost: 1,
            ..row.clone()
        };
        let wrong = Row {
            wrong_ok: 1,
            ..row.clone()
        };
        let mut late = row;
        late.check(true, || unreachable!());
        assert!(late.passed());
        late.check(false, || "it was late".to_owned());
        for row in [lost, wrong, late] {
            assert!(!row.passed() && row.failures().len() == 1, "{row:?}");
        }
    }
}
