//! Whether a handler is so swift that a task for each attempt would cost more than the attempt.
//!
//! A task is made, queued, and mostly moved to another core, which is woken for it: a few microseconds. So attempts that
//! were over in less, many in a row, are begun where they were taken from the queue. One that does not end at its first
//! poll goes on in a task of its own then, and one that took long, or waited for anything, shows that the handler is
//! not so swift after all. What computes for long thus has every core, as it should.

use std::time::Duration;

/// So much is less than what a task costs when another core is woken for it.
const SWIFT: Duration = Duration::from_micros(10);
/// So much is more than anyone else should have to wait for.
const SLOW: Duration = Duration::from_micros(50);
/// How many attempts in a row must have been swift.
const IN_A_ROW: u32 = 16;
/// After so many in a row a single one that was not is taken for the machine's doing, and not for the handler's: the next
/// attempt tells.
const LONG: u32 = 256;

/// How swift a handler was of late.
#[derive(Debug, Default)]
pub(super) struct InlineExecution {
    in_a_row: u32,
}

impl InlineExecution {
    /// Whether the next attempt is likely to be over before a task for it would have begun.
    pub(super) fn is_likely(&self) -> bool {
        self.in_a_row >= IN_A_ROW
    }

    /// An attempt took so long; `waited` when it was begun without a task and then needed one.
    pub(super) fn took(&mut self, took: Duration, waited: bool) {
        if took >= SLOW || waited {
            self.in_a_row = if self.in_a_row >= LONG { IN_A_ROW - 1 } else { 0 };
        } else if took < SWIFT {
            self.in_a_row = self.in_a_row.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swift() -> InlineExecution {
        let mut swift = InlineExecution::default();
        (0..IN_A_ROW).for_each(|_| swift.took(Duration::from_micros(1), false));
        swift
    }

    #[test]
    fn a_handler_is_swift_after_many_swift_attempts_in_a_row() {
        let mut one_less = InlineExecution::default();
        (1..IN_A_ROW).for_each(|_| one_less.took(Duration::from_micros(1), false));
        assert!(!one_less.is_likely());
        assert!(swift().is_likely());
    }

    #[test]
    fn one_slow_attempt_and_it_is_swift_no_more() {
        let mut swift = swift();
        swift.took(SLOW, false);
        assert!(!swift.is_likely());
    }

    #[test]
    fn after_a_long_row_one_slow_attempt_is_forgiven_and_a_second_is_not() {
        let mut swift = swift();
        (IN_A_ROW..LONG).for_each(|_| swift.took(Duration::from_micros(1), false));
        swift.took(SLOW, false);
        assert!(!swift.is_likely());
        swift.took(Duration::from_micros(1), false);
        assert!(swift.is_likely());
        swift.took(SLOW, false);
        swift.took(Duration::from_micros(1), false);
        assert!(!swift.is_likely());
    }

    #[test]
    fn one_that_waits_is_swift_no_more() {
        let mut swift = swift();
        swift.took(Duration::from_micros(1), true);
        assert!(!swift.is_likely());
    }

    #[test]
    fn an_attempt_that_is_neither_changes_nothing() {
        let mut swift = swift();
        swift.took(SWIFT, false);
        assert!(swift.is_likely());
    }
}
