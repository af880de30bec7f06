//! The handlers of the rows about processes: each does with an event what the event asks for.

use std::fmt;
use std::future::pending;
use std::path::PathBuf;
use std::time::Duration;

use tidings::{Delivery, Event, FromDelivery, HandlerError, Rejection, State, event_handler};

use super::task::{Task, TaskRequested};
use crate::event::Noted;
use crate::handler_log::HandlerLog;
use tidings_test_support::wait::POLL_INTERVAL;

/// What the handlers have at hand.
#[derive(Debug, Clone)]
pub(super) struct ServiceState {
    pub(super) handler_log: HandlerLog,
    pub(super) folder: PathBuf,
}

/// The file for which [`Task::Hold`] waits.
pub(super) const RELEASE: &str = "release";
/// The file for as long as which [`Task::FailWhileDown`] fails.
pub(super) const DOWN: &str = "down";

/// Gives an event a second.
#[event_handler("fault.asked", timeout = "1s", retry(attempts = 3, rungs = "1s"))]
pub(super) async fn plain(
    asked: Event<TaskRequested>,
    bomb: Bomb,
    delivery: Delivery,
    State(state): State<ServiceState>,
) -> Result<(), HandlerError> {
    let _bomb = bomb;
    state.perform(&asked, &delivery).await
}

/// Gives it as long as it takes.
#[event_handler("fault.asked", timeout = "10m", retry(attempts = 8, rungs = "1s, 5s"))]
pub(super) async fn patient(
    asked: Event<TaskRequested>,
    delivery: Delivery,
    State(state): State<ServiceState>,
) -> Result<(), HandlerError> {
    state.perform(&asked, &delivery).await
}

/// Finishes every event of the usual traffic at once.
#[event_handler("fault.noted")]
pub(super) async fn far(event: Event<Noted>, State(state): State<ServiceState>) {
    state
        .handler_log
        .record("far", event.number, event.id(), &event.aggregate);
}

/// Keeps the order of each aggregate, across instances.
#[event_handler(
    "fault.asked",
    ordered_by = "aggregate_id",
    single_active,
    timeout = "10m",
    retry(attempts = 8, rungs = "1s")
)]
pub(super) async fn ordered(
    asked: Event<TaskRequested>,
    delivery: Delivery,
    State(state): State<ServiceState>,
) -> Result<(), HandlerError> {
    state.perform(&asked, &delivery).await
}

impl ServiceState {
    async fn perform(&self, asked: &Event<TaskRequested>, delivery: &Delivery) -> Result<(), HandlerError> {
        let error = |text: &str| Err(HandlerError::retry(text.to_owned()));
        match asked.task {
            // It is in the hands of whoever called, and goes off there.
            Task::DropBombOfPart => return Ok(()),
            Task::Wait(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Task::Hold => self.wait_for(RELEASE).await,
            Task::Fail => return error("it fails"),
            Task::FailTimes(times) if delivery.attempt() <= times => return error("it fails for now"),
            Task::FailWhileDown if self.folder.join(DOWN).exists() => return error("what it needs is down"),
            Task::Note | Task::FailTimes(_) | Task::FailWhileDown => {}
            Task::Reject => return Err(HandlerError::reject("it is rejected")),
            Task::Panic => panic!("it panics"),
            Task::PanicWithBomb => std::panic::panic_any(Bomb(true)),
            Task::FailUnspeakably => return Err(HandlerError::retry(Unspeakable)),
            Task::FailWithBomb => return Err(HandlerError::retry(Explosive(Bomb(true)))),
            Task::DropBomb => drop(Bomb(true)),
            Task::DropBombWhenCancelled => {
                let _bomb = Bomb(true);
                pending::<()>().await;
            }
            Task::Block(millis) => std::thread::sleep(Duration::from_millis(millis)),
            Task::Never | Task::Nonsense => pending().await,
            Task::Abort => std::process::abort(),
        }
        self.handler_log
            .record(delivery.handler(), asked.number, asked.id(), &asked.aggregate);
        Ok(())
    }

    async fn wait_for(&self, file: &str) {
        while !self.folder.join(file).exists() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// Panics when it is dropped, if it is live.
#[derive(Debug)]
pub(super) struct Bomb(bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        // A second panic while the first unwinds would end the process, which is the language's rule and not ours.
        assert!(!self.0 || std::thread::panicking(), "it panics in a `Drop`");
    }
}

impl FromDelivery<ServiceState> for Bomb {
    async fn from_delivery(delivery: &Delivery, _: &ServiceState) -> Result<Self, Rejection> {
        let task = delivery.event().decode::<TaskRequested>().map(|asked| asked.task);
        Ok(Self(matches!(task, Ok(Task::DropBombOfPart))))
    }
}

/// An error that panics when it is written.
#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("it cannot be written")
    }
}

impl std::error::Error for Unspeakable {}

/// An error that panics when it is dropped.
#[derive(Debug)]
struct Explosive(#[allow(dead_code)] Bomb);

impl fmt::Display for Explosive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is explosive")
    }
}

impl std::error::Error for Explosive {}
