//! What is measured, of whom, and what is to come of it.

use std::fmt;
use std::fmt::Write as _;

use crate::twins::{Job, Twin};

mod list;

pub(crate) use self::list::ALL;

/// One table.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Ours first.
    pub(crate) rows: &'static [Row],
    pub(crate) on: On,
    /// How many there are unless told otherwise.
    pub(crate) rounds: usize,
    pub(crate) targets: &'static [Target],
}

/// Who does what, and with how many events: a second or two of them.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) twin: Twin,
    pub(crate) job: Job,
    pub(crate) events: u64,
}

/// Where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// No broker at all.
    Memory,
    /// The service's own queues.
    OwnQueues,
    /// Queues of the type asked for.
    Queues,
}

/// What a row is to hold, alone or against another.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) figure: Figure,
    pub(crate) of: &'static str,
    pub(crate) bound: Bound,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    /// Events a second.
    Rate,
    /// CPU seconds of the client per 100,000.
    Cpu,
    /// The middle latency in microseconds.
    P50,
    /// MiB.
    Peak,
    /// What only this job has.
    Also(&'static str),
}

/// Round by round, against the row that it names or alone.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    TimesAtLeast(f64, &'static str),
    TimesAtMost(f64, &'static str),
    MoreAtMost(f64, &'static str),
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    pub(crate) fn against(self) -> Option<&'static str> {
        match self {
            Self::TimesAtLeast(_, row) | Self::TimesAtMost(_, row) | Self::MoreAtMost(_, row) => Some(row),
            Self::AtLeast(_) | Self::AtMost(_) => None,
        }
    }

    /// What is judged, of one round.
    pub(crate) fn judged(self, ours: f64, theirs: f64) -> f64 {
        match self {
            Self::TimesAtLeast(..) | Self::TimesAtMost(..) => ours / theirs,
            Self::MoreAtMost(..) => ours - theirs,
            Self::AtLeast(_) | Self::AtMost(_) => ours,
        }
    }

    pub(crate) fn holds(self, judged: f64) -> bool {
        match self {
            Self::TimesAtLeast(bound, _) | Self::AtLeast(bound) => judged >= bound,
            Self::TimesAtMost(bound, _) | Self::MoreAtMost(bound, _) | Self::AtMost(bound) => judged <= bound,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rate => "rate",
            Self::Cpu => "CPU",
            Self::P50 => "p50 in µs",
            Self::Peak => "peak in MiB",
            Self::Also(name) => name,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}: ", self.figure, self.of)?;
        match self.bound {
            Bound::TimesAtLeast(bound, row) => write!(f, "at least {bound} times {row}'s"),
            Bound::TimesAtMost(bound, row) => write!(f, "at most {bound} times {row}'s"),
            Bound::MoreAtMost(bound, row) => write!(f, "at most {bound} more than {row}'s"),
            Bound::AtLeast(bound) => write!(f, "at least {bound}"),
            Bound::AtMost(bound) => write!(f, "at most {bound}"),
        }
    }
}

/// The scenarios, a line each.
pub(crate) fn list() -> String {
    ALL.iter().fold(String::new(), |mut list, scenario| {
        // Writing to a string cannot fail.
        let _ = writeln!(list, "  {:<16} {}", scenario.name, scenario.about);
        list
    })
}
