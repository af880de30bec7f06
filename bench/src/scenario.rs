//! What is measured, of whom, and what is to come of it.

use std::fmt::Write as _;

use crate::twins::{Job, Twin};

/// One table.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) job: Job,
    pub(crate) about: &'static str,
    /// How many events a run has.
    pub(crate) events: u64,
    /// How many those have who take far longer.
    pub(crate) slow_events: u64,
    /// Ours first.
    pub(crate) twins: &'static [Twin],
    pub(crate) queue: Queue,
    pub(crate) targets: &'static [Target],
}

/// What is in the queue before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    /// No broker at all.
    None,
    Empty,
    /// As many events as the run has.
    Full,
}

/// What ours is to hold against a twin.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) figure: Figure,
    pub(crate) twin: Twin,
    pub(crate) bound: Bound,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    Rate,
    Cpu,
}

/// A ratio, ours to theirs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

const THREE: &[Twin] = &[Twin::Tidings, Twin::LapinBest, Twin::LapinNaive];
const TWO: &[Twin] = &[Twin::Tidings, Twin::LapinBest];

const AS_LAPIN: &[Target] = &[
    Target {
        figure: Figure::Rate,
        twin: Twin::LapinBest,
        bound: Bound::AtLeast(0.95),
    },
    Target {
        figure: Figure::Cpu,
        twin: Twin::LapinBest,
        bound: Bound::AtMost(1.15),
    },
];

pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        job: Job::PublishOne,
        about: "one task publishes and awaits each confirm",
        events: 3_000,
        slow_events: 3_000,
        twins: &[Twin::Tidings, Twin::LapinNaive],
        queue: Queue::Empty,
        targets: &[],
    },
    Scenario {
        job: Job::PublishMany,
        about: "256 tasks publish and await each confirm",
        events: 60_000,
        slow_events: 3_000,
        twins: THREE,
        queue: Queue::Empty,
        targets: AS_LAPIN,
    },
    Scenario {
        job: Job::PublishAll,
        about: "one task publishes a thousand at a time",
        events: 60_000,
        slow_events: 3_000,
        twins: TWO,
        queue: Queue::Empty,
        targets: AS_LAPIN,
    },
    Scenario {
        job: Job::PublishBig,
        about: "256 tasks publish events of 64 kB",
        events: 4_000,
        slow_events: 1_000,
        twins: TWO,
        queue: Queue::Empty,
        targets: &[],
    },
    Scenario {
        job: Job::Consume,
        about: "a handler that does nothing empties a queue",
        events: 60_000,
        slow_events: 20_000,
        twins: THREE,
        queue: Queue::Full,
        targets: AS_LAPIN,
    },
    Scenario {
        job: Job::ConsumeSlow,
        about: "a handler of 5 ms empties a queue, with default settings",
        events: 20_000,
        slow_events: 500,
        twins: TWO,
        queue: Queue::Full,
        targets: &[],
    },
    Scenario {
        job: Job::EndToEnd,
        about: "1,000 events a second, from before the publish to the handler",
        events: 5_000,
        slow_events: 5_000,
        twins: TWO,
        queue: Queue::Empty,
        targets: &[],
    },
    Scenario {
        job: Job::Memory,
        about: "in memory on one core, from the publish to the handler and back",
        events: 200_000,
        slow_events: 200_000,
        twins: &[Twin::Tidings],
        queue: Queue::None,
        targets: &[],
    },
];

impl Scenario {
    pub(crate) fn events_of(&self, twin: Twin) -> u64 {
        if twin == Twin::LapinNaive {
            self.slow_events
        } else {
            self.events
        }
    }
}

/// The scenarios, a line each.
pub(crate) fn list() -> String {
    ALL.iter().fold(String::new(), |mut list, scenario| {
        // Writing to a string cannot fail.
        let _ = writeln!(list, "  {:<14} {}", scenario.job.name(), scenario.about);
        list
    })
}
