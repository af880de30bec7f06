//! The event of the process faults, which tells its handler what to do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::DomainEvent;

/// A task was requested.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "fault.task_requested", aggregate_id = aggregate)]
pub struct TaskRequested {
    /// The number of the event in its run.
    pub number: u64,
    /// The aggregate of the event.
    pub aggregate: String,
    /// What the handler does.
    pub task: Task,
}

/// What a handler does with an event. A handler finishes an event by logging it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Task {
    /// Log the event.
    Note,
    /// Log the event after this many milliseconds.
    Wait(u64),
    /// Log the event when the file `release` exists in the folder of the service.
    Hold,
    /// Return an error.
    Fail,
    /// Return an error at the first attempts, this many times, then log the event.
    FailTimes(u32),
    /// Return an error while the file `down` exists in the folder of the service, then log the event.
    FailWhileDown,
    /// Reject the event.
    Reject,
    /// Panic in the handler.
    Panic,
    /// Panic with a payload whose `Drop` panics.
    PanicWithBomb,
    /// Return an error whose `Display` panics.
    FailWithPanickingDisplay,
    /// Return an error whose `Drop` panics.
    FailWithBomb,
    /// Panic in a `Drop` at the end of the handler.
    DropBomb,
    /// Panic in the `Drop` of an extracted argument.
    DropBombInArgument,
    /// Exceed the timeout and panic in a `Drop` when cancelled.
    DropBombWhenCancelled,
    /// Block the thread for this many milliseconds, then log the event.
    Block(u64),
    /// Never return.
    Never,
    /// Abort the process.
    Abort,
    /// No task: the message is malformed.
    Malformed,
}

impl Task {
    /// Whether an event with this task is handled in the end.
    pub fn is_handled(self) -> bool {
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
    /// An event with its own aggregate.
    pub fn new(number: u64, task: Task) -> Self {
        Self::of_aggregate(number, &number.to_string(), task)
    }

    /// An event of this aggregate.
    pub fn of_aggregate(number: u64, aggregate: &str, task: Task) -> Self {
        Self {
            number,
            aggregate: aggregate.to_owned(),
            task,
        }
    }
}
