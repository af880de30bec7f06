//! A finding: a change, its place, the consumers that it breaks, and what to do.

use std::fmt;

use super::rule::Rule;

/// Which consumers read which events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// New consumers read old events.
    Backward,
    /// Old consumers read new events.
    Forward,
}

impl Direction {
    /// The name: `backward` or `forward`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Backward => "backward",
            Self::Forward => "forward",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Consumers read every event.
    Ok,
    /// Consumers read every event, but the change may surprise them.
    Warning,
    /// The check cannot decide. It fails unless a waiver covers the finding.
    Unknown,
    /// Consumers cannot read some events.
    Break,
}

impl Severity {
    /// The name: `ok`, `warning`, `unknown` or `break`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Break => "break",
        }
    }

    /// Whether a finding of this severity fails the check.
    pub const fn fails(self) -> bool {
        matches!(self, Self::Unknown | Self::Break)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A change between two contracts, in one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The kind of change.
    pub rule: Rule,
    /// The wire name of the event type; empty when two schemas without a name were compared.
    pub event_type: String,
    /// The version of the older contract; 0 when two schemas were compared.
    pub version: u32,
    /// The place in the event: `data.currency`, `data.items[].sku`, `data.method(card).number`, `data.prices.*`.
    pub path: String,
    /// The direction in which the finding applies.
    pub direction: Direction,
    /// The severity.
    pub severity: Severity,
    /// The old state.
    pub old: Option<String>,
    /// The new state.
    pub new: Option<String>,
    /// What is wrong, as a clause.
    pub problem: String,
    /// What to do, as a clause; empty when there is nothing to do.
    pub hint: String,
}

impl Finding {
    /// Whether consumers cannot read some events.
    pub fn is_break(&self) -> bool {
        self.severity == Severity::Break
    }
}

/// ``backward break  order.created  data.currency: new consumers require it, …; make it …``
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}  ", self.direction, self.severity)?;
        if !self.event_type.is_empty() {
            write!(f, "{}  ", self.event_type)?;
        }
        write!(f, "{}: {}", self.path, self.problem)?;
        if !self.hint.is_empty() {
            write!(f, "; {}", self.hint)?;
        }
        Ok(())
    }
}
