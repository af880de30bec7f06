//! The schedule for the checks of the declared topology.

use std::time::Duration;

use tokio::time::Instant;

/// How much of the topology a check covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TopologyCheck {
    /// Exchanges and bindings. A missing one loses events, and declaring them again costs the broker almost nothing.
    Routes,
    /// Queues too. The broker asks the leader of each queue for its depth, and the leader of a busy queue answers late.
    All,
}

struct CheckInterval {
    shortest: Duration,
    /// The interval is this many times the duration of the last check, so that checks do not load a busy broker.
    multiple: u32,
    /// The longest time until the next check, so that a missing exchange or queue is noticed.
    longest: Duration,
}

const ROUTES: CheckInterval = CheckInterval {
    shortest: Duration::from_secs(5),
    multiple: 10,
    longest: Duration::from_secs(10),
};

const ALL: CheckInterval = CheckInterval {
    shortest: Duration::from_secs(5),
    multiple: 50,
    longest: Duration::from_secs(30),
};

impl CheckInterval {
    /// The time from the end of a check to the next one.
    fn after(&self, duration: Duration) -> Duration {
        (duration * self.multiple).clamp(self.shortest, self.longest)
    }
}

/// When the next check of each kind is due.
#[derive(Debug)]
pub(super) struct TopologySchedule {
    routes: Instant,
    all: Instant,
}

impl TopologySchedule {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            routes: now + ROUTES.shortest,
            all: now + ALL.shortest,
        }
    }

    pub(super) fn next(&self) -> (Instant, TopologyCheck) {
        if self.all <= self.routes {
            (self.all, TopologyCheck::All)
        } else {
            (self.routes, TopologyCheck::Routes)
        }
    }

    /// Schedules the next checks after a check from `began` to `ended`.
    pub(super) fn checked(&mut self, check: TopologyCheck, began: Instant, ended: Instant) {
        let duration = ended - began;
        self.routes = ended + ROUTES.after(duration);
        if check == TopologyCheck::All {
            self.all = ended + ALL.after(duration);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(from: Instant, to: Instant) -> u64 {
        (to - from).as_secs()
    }

    #[tokio::test]
    async fn a_slow_full_check_is_repeated_within_half_a_minute() {
        let now = Instant::now();
        let intervals = [0, 100, 200, 10_000].map(|millis| {
            let mut schedule = TopologySchedule::new(now);
            schedule.checked(TopologyCheck::All, now - Duration::from_millis(millis), now);
            seconds(now, schedule.all)
        });
        // Ten seconds may be a network fault, so they do not postpone the next check without limit.
        assert_eq!(intervals, [5, 5, 10, 30]);
    }

    #[tokio::test]
    async fn bindings_are_checked_every_ten_seconds_while_queue_checks_are_slow() {
        let mut now = Instant::now();
        let mut schedule = TopologySchedule::new(now);
        let mut checks = Vec::new();
        while checks
            .iter()
            .filter(|check| **check == TopologyCheck::All)
            .count()
            < 2
        {
            let (due, check) = schedule.next();
            assert!(seconds(now, due) <= 10, "{:?}", due - now);
            // On a busy broker only the queues are slow.
            let duration = Duration::from_millis(if check == TopologyCheck::All { 900 } else { 50 });
            now = due + duration;
            schedule.checked(check, due, now);
            checks.push(check);
        }
        assert_eq!(checks.first(), Some(&TopologyCheck::All));
        assert!(checks.len() > 3, "{checks:?}");
    }
}
