//! What vanished or changed between two topologies, and what to write about it.

use std::fmt;

/// What happened to a part of the topology.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopologyRule {
    /// The service itself is not described any more.
    ServiceVanished,
    /// A queue has no handler any more.
    QueueVanished,
    /// A queue is no longer bound by a pattern.
    PatternVanished,
    /// A queue or exchange has another argument, which the broker refuses.
    ArgumentChanged,
}

impl TopologyRule {
    /// The rule's name, `queue-vanished`.
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
    /// What happened.
    pub rule: TopologyRule,
    /// The service.
    pub service: String,
    /// What it happened to: the queue, the exchange, or the service.
    pub name: String,
    /// What is wrong.
    pub what: String,
    /// What to write.
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
