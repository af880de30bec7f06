//! A row of the table: what a fault cost.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a fault cost, counted in events unless it says otherwise.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Row {
    /// The fault's name.
    pub fault: String,
    /// How often it was done.
    pub times: u32,
    /// Handed to `publish`.
    pub published: u64,
    /// Whose publisher was told `Ok`.
    pub confirmed: u64,
    /// That every handler which was to have them finished.
    pub handled: u64,
    /// Times that a handler finished an event which it had finished before.
    pub redelivered: u64,
    /// That some handler's dead letters hold.
    pub dead_lettered: u64,
    /// Confirmed, and neither handled nor dead-lettered by some handler that was to have them.
    pub lost: u64,
    /// Whose publisher was told `Ok`, and which nobody has ever seen on the broker.
    pub wrong_ok: u64,
    /// The longest time in which no handler finished anything while events were published.
    pub longest_pause: Duration,
    /// What is to be known of it beside its numbers; a sentence each.
    pub notes: Vec<String>,
    /// What else was to hold and did not; a sentence each.
    pub failed: Vec<String>,
}

impl Row {
    /// Whether nothing is lost, no `Ok` was wrong, and all else held.
    pub fn passed(&self) -> bool {
        self.lost == 0 && self.wrong_ok == 0 && self.failed.is_empty()
    }

    /// Makes it a failure that says `what`, unless it `holds`.
    pub fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.failed.push(what());
        }
    }

    /// Adds what the same fault cost at another time or place: counts are summed, the longest pause is the longer.
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

    /// What is wrong with it, a line each; nothing when it passed.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.lost > 0 {
            faults.push(format!("{} events were lost", self.lost));
        }
        if self.wrong_ok > 0 {
            faults.push(format!("{} events were wrongly said to be taken", self.wrong_ok));
        }
        faults.extend(self.failed.iter().cloned());
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_fails_by_a_loss_a_wrong_ok_or_a_check() {
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
        late.check(false, || "it came late".to_owned());
        for row in [lost, wrong, late] {
            assert!(!row.passed() && row.faults().len() == 1, "{row:?}");
        }
    }
}
