//! The handlers of the process faults. Each executes the task of its event.

use std::fmt;
use std::future::pending;
use std::path::PathBuf;
use std::time::Duration;

use tidings::{Delivery, Event, FromDelivery, HandlerError, Rejection, State, event_handler};

use super::task::{Task, TaskRequested};
use crate::event::Noted;
use crate::handler_log::HandlerLog;
use tidings_test_support::wait::POLL_INTERVAL;

#[derive(Debug, Clone)]
pub(super) struct ServiceState {
    pub(super) handler_log: HandlerLog,
    pub(super) folder: PathBuf,
}

/// [`Task::Hold`] waits for this file.
pub(super) const RELEASE: &str = "release";
/// [`Task::FailWhileDown`] fails while this file exists.
pub(super) const DOWN: &str = "down";

/// Performs the task with a timeout of one second.
#[event_handler("fault.task_requested", timeout = "1s", retry(attempts = 3, rungs = "1s"))]
pub(super) async fn plain(
    event: Event<TaskRequested>,
    bomb: Bomb,
    delivery: Delivery,
    State(state): State<ServiceState>,
) -> Result<(), HandlerError> {
    let _bomb = bomb;
    state.perform(&event, &delivery).await
}

/// Performs the task with a long timeout.
#[event_handler(
    "fault.task_requested",
    timeout = "10m",
    retry(attempts = 8, rungs = "1s, 5s")
)]
pub(super) async fn patient(
    event: Event<TaskRequested>,
    delivery: Delivery,
    State(state): State<ServiceState>,
) -> Result<(), HandlerError> {
    state.perform(&event, &delivery).await
}

/// Finishes every event of a soak.
#[event_handler("fault.noted")]
pub(super) async fn remote(event: Event<Noted>, State(state): State<ServiceState>) {
    state
        .handler_log
        .record("remote", event.number, event.id(), &event.aggregate);
}

/// Performs the tasks of each aggregate in order, across instances.
#[event_handler(
    "fault.task_requested",
    ordered_by = "aggregate_id",
    single_active,
    timeout = "10m",
    retry(attempts = 8, rungs = "1s")
)]
pub(super) async fn ordered(
    event: Event<TaskRequested>,
    delivery: Delivery,
    State(state): State<ServiceState>,
) -> Result<(), HandlerError> {
    state.perform(&event, &delivery).await
}

impl ServiceState {
    async fn perform(&self, event: &Event<TaskRequested>, delivery: &Delivery) -> Result<(), HandlerError> {
        let error = |text: &str| Err(HandlerError::retry(text.to_owned()));
        match event.task {
            // The extracted argument panics when `plain` drops it.
            Task::DropBombInArgument => return Ok(()),
            Task::Wait(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Task::Hold => self.wait_for(RELEASE).await,
            Task::Fail => return error("it fails"),
            Task::FailTimes(times) if delivery.attempt() <= times => return error("it fails for now"),
            Task::FailWhileDown if self.folder.join(DOWN).exists() => return error("the dependency is down"),
            Task::Note | Task::FailTimes(_) | Task::FailWhileDown => {}
            Task::Reject => return Err(HandlerError::reject("it is rejected")),
            Task::Panic => panic!("it panics"),
            Task::PanicWithBomb => std::panic::panic_any(Bomb(true)),
            Task::FailWithPanickingDisplay => return Err(HandlerError::retry(DisplayPanics)),
            Task::FailWithBomb => return Err(HandlerError::retry(DropPanics(Bomb(true)))),
            Task::DropBomb => drop(Bomb(true)),
            Task::DropBombWhenCancelled => {
                let _bomb = Bomb(true);
                pending::<()>().await;
            }
            Task::Block(millis) => std::thread::sleep(Duration::from_millis(millis)),
            Task::Never | Task::Malformed => pending().await,
            Task::Abort => std::process::abort(),
        }
        self.handler_log
            .record(delivery.handler(), event.number, event.id(), &event.aggregate);
        Ok(())
    }

    async fn wait_for(&self, file: &str) {
        while !self.folder.join(file).exists() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// Panics when it is dropped, if the flag is `true`.
#[derive(Debug)]
pub(super) struct Bomb(bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        // During unwinding it must not panic, because a second panic aborts the process.
        assert!(!self.0 || std::thread::panicking(), "it panics in a `Drop`");
    }
}

impl FromDelivery<ServiceState> for Bomb {
    async fn from_delivery(delivery: &Delivery, _: &ServiceState) -> Result<Self, Rejection> {
        let task = delivery.event().decode::<TaskRequested>().map(|event| event.task);
        Ok(Self(matches!(task, Ok(Task::DropBombInArgument))))
    }
}

/// An error whose `Display` panics.
#[derive(Debug)]
struct DisplayPanics;

impl fmt::Display for DisplayPanics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("it cannot be written")
    }
}

impl std::error::Error for DisplayPanics {}

/// An error whose `Drop` panics.
#[derive(Debug)]
struct DropPanics(#[allow(dead_code)] Bomb);

impl fmt::Display for DropPanics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its drop panics")
    }
}

impl std::error::Error for DropPanics {}
