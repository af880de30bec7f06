//! A finding: one change, where it is, whom it breaks, and how to go on.

use std::fmt;

use super::rule::Rule;

/// Who reads what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// New consumers read old events.
    Backward,
    /// Old consumers read new events.
    Forward,
}

impl Direction {
    /// `backward` or `forward`.
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

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Every event is read.
    Ok,
    /// Every event is read, and someone should know.
    Warning,
    /// It cannot be decided; it fails unless it is waived.
    Unknown,
    /// Some event is not read.
    Break,
}

impl Severity {
    /// `ok`, `warning`, `unknown` or `break`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Break => "break",
        }
    }

    /// Whether a check with such a finding fails.
    pub const fn fails(self) -> bool {
        matches!(self, Self::Unknown | Self::Break)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One change between two contracts, in one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What kind of change.
    pub rule: Rule,
    /// The wire name of the event type; empty when two schemas without a name were compared.
    pub event_type: String,
    /// The version of the older contract; 0 when two schemas were compared.
    pub version: u32,
    /// Where in the event: `data.currency`, `data.items[].sku`, `data.method(card).number`, `data.prices.*`.
    pub path: String,
    /// Who reads what.
    pub direction: Direction,
    /// How bad it is.
    pub severity: Severity,
    /// What was there before.
    pub old: Option<String>,
    /// What is there now.
    pub new: Option<String>,
    /// What is wrong, in a clause.
    pub problem: String,
    /// What to do, in a clause; empty when there is nothing to do.
    pub hint: String,
}

impl Finding {
    /// Whether some event is not read.
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
