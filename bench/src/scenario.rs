//! A scenario: which clients do which jobs, and the targets for the results.

use std::fmt;
use std::fmt::Write as _;

use crate::clients::{Client, Job};

mod list;

pub(crate) use self::list::ALL;

/// Its result is one table for each type of queue.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// The first row is Tidings.
    pub(crate) rows: &'static [Row],
    pub(crate) on: On,
    /// The number of rounds without `--rounds`.
    pub(crate) rounds: usize,
    pub(crate) targets: &'static [Target],
}

/// One client with one job. The events take a second or two.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) client: Client,
    pub(crate) job: Job,
    pub(crate) events: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Memory,
    /// The queues that an app declares.
    OwnQueues,
    /// The benchmark's queues, classic or quorum.
    Queues,
}

/// A bound for a figure of a row.
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
    /// The median latency in microseconds.
    P50,
    /// Peak memory in MiB.
    Peak,
    /// A figure that only this job has.
    Also(&'static str),
}

/// A bound that is absolute, or relative to another row of the same round.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    TimesAtLeast(f64, &'static str),
    TimesAtMost(f64, &'static str),
    MoreAtMost(f64, &'static str),
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    pub(crate) fn other_row(self) -> Option<&'static str> {
        match self {
            Self::TimesAtLeast(_, row) | Self::TimesAtMost(_, row) | Self::MoreAtMost(_, row) => Some(row),
            Self::AtLeast(_) | Self::AtMost(_) => None,
        }
    }

    /// The value that the bound applies to, in one round.
    pub(crate) fn value(self, ours: f64, theirs: f64) -> f64 {
        match self {
            Self::TimesAtLeast(..) | Self::TimesAtMost(..) => ours / theirs,
            Self::MoreAtMost(..) => ours - theirs,
            Self::AtLeast(_) | Self::AtMost(_) => ours,
        }
    }

    pub(crate) fn is_met(self, value: f64) -> bool {
        match self {
            Self::TimesAtLeast(bound, _) | Self::AtLeast(bound) => value >= bound,
            Self::TimesAtMost(bound, _) | Self::MoreAtMost(bound, _) | Self::AtMost(bound) => value <= bound,
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

/// The names of the scenarios, one per line.
pub(crate) fn list() -> String {
    ALL.iter().fold(String::new(), |mut list, scenario| {
        // Writing to a string cannot fail.
        let _ = writeln!(list, "  {:<16} {}", scenario.name, scenario.about);
        list
    })
}
