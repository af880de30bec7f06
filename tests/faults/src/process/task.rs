//! The event of the rows about processes: it says what its handler is to do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;

/// Someone asked for something.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "fault.asked", aggregate_id = aggregate)]
pub struct TaskRequested {
    /// Which event it is, of all that a run publishes.
    pub number: u64,
    /// Its aggregate.
    pub aggregate: String,
    /// What its handler is to do.
    pub task: Task,
}

/// What a handler is to do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Task {
    /// Note it.
    Note,
    /// Note it after so many milliseconds.
    Wait(u64),
    /// Hold it until the file `release` is in the service's folder, then note it.
    Hold,
    /// Return an error.
    Fail,
    /// Return an error at the first so many attempts, then note it.
    FailTimes(u32),
    /// Fail for as long as the file `down` is in the service's folder, then note it.
    FailWhileDown,
    /// Reject it.
    Reject,
    /// Panic.
    Panic,
    /// Panic with something whose `Drop` panics.
    PanicWithBomb,
    /// Return an error whose `Display` panics.
    FailUnspeakably,
    /// Return an error whose `Drop` panics.
    FailWithBomb,
    /// Panic in a `Drop` after all is done.
    DropBomb,
    /// Panic in the `Drop` of what an extractor gave.
    DropBombOfPart,
    /// Take longer than the timeout, and panic in a `Drop` when cancelled.
    DropBombWhenCancelled,
    /// Block the thread for so many milliseconds, then note it.
    Block(u64),
    /// Never end.
    Never,
    /// End the process.
    Abort,
    /// Nothing: there is no such event, but a message that is none.
    Nonsense,
}

impl Task {
    /// Whether an event that asks for it is handled in the end.
    pub fn ends_well(self) -> bool {
        matches!(
            self,
            Self::Note
                | Self::Wait(_)
                | Self::Hold
                | Self::FailTimes(_)
                | Self::FailWhileDown
                | Self::Block(_)
        )
    }
}

impl TaskRequested {
    /// An event of an aggregate of its own.
    pub fn new(number: u64, task: Task) -> Self {
        Self::of_aggregate(number, &number.to_string(), task)
    }

    /// An event of an aggregate.
    pub fn of_aggregate(number: u64, aggregate: &str, task: Task) -> Self {
        Self {
            number,
            aggregate: aggregate.to_owned(),
            task,
        }
    }
}
