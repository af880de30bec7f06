//! Findings about the topology.

use std::fmt;

/// How a part of the topology changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopologyRule {
    /// The service is not described any more.
    ServiceVanished,
    /// A queue has no handler any more.
    QueueVanished,
    /// A queue is not bound by a pattern any more.
    PatternVanished,
    /// A queue or exchange has a different argument, which the broker refuses.
    ArgumentChanged,
}

impl TopologyRule {
    /// The name of the rule, such as `queue-vanished`.
    pub fn id(self) -> &'static str {
        match self {
            Self::ServiceVanished => "service-vanished",
            Self::QueueVanished => "queue-vanished",
            Self::PatternVanished => "pattern-vanished",
            Self::ArgumentChanged => "argument-changed",
        }
    }
}

/// A part of the topology that vanished or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopologyFinding {
    /// The kind of change.
    pub rule: TopologyRule,
    /// The service.
    pub service: String,
    /// The name of the queue, exchange or service.
    pub name: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: String,
}

impl fmt::Display for TopologyFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rule,
            name,
            what,
            hint,
            ..
        } = self;
        write!(f, "{}  `{name}`: {what}; {hint}", rule.id())
    }
}
