//! The handlers of the rows about processes: each does with an event what the event asks for.

use std::fmt;
use std::future::pending;
use std::path::PathBuf;
use std::time::Duration;

use tidings::{Delivery, Event, FromDelivery, HandlerError, Rejection, State, event_handler};

use super::asked::{Asked, Deed};
use crate::event::Noted;
use crate::notebook::Notebook;
use crate::wait::LOOK;

/// What the handlers have at hand.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) notebook: Notebook,
    pub(super) folder: PathBuf,
}

/// The file for which [`Deed::Hold`] waits.
pub(super) const RELEASE: &str = "release";
/// The file for as long as which [`Deed::FailWhileDown`] fails.
pub(super) const DOWN: &str = "down";

/// Gives an event a second.
#[event_handler("fault.asked", timeout = "1s", retry(attempts = 3, rungs = "1s"))]
pub(super) async fn plain(
    asked: Event<Asked>,
    bomb: Bomb,
    delivery: Delivery,
    State(desk): State<Desk>,
) -> Result<(), HandlerError> {
    let _bomb = bomb;
    desk.perform(&asked, &delivery).await
}

/// Gives it as long as it takes.
#[event_handler("fault.asked", timeout = "10m", retry(attempts = 8, rungs = "1s, 5s"))]
pub(super) async fn patient(
    asked: Event<Asked>,
    delivery: Delivery,
    State(desk): State<Desk>,
) -> Result<(), HandlerError> {
    desk.perform(&asked, &delivery).await
}

/// Finishes every event of the usual traffic at once.
#[event_handler("fault.noted")]
pub(super) async fn far(event: Event<Noted>, State(desk): State<Desk>) {
    desk.notebook.note("far", event.number, event.id(), &event.line);
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
    asked: Event<Asked>,
    delivery: Delivery,
    State(desk): State<Desk>,
) -> Result<(), HandlerError> {
    desk.perform(&asked, &delivery).await
}

impl Desk {
    async fn perform(&self, asked: &Event<Asked>, delivery: &Delivery) -> Result<(), HandlerError> {
        let error = |text: &str| Err(HandlerError::retry(text.to_owned()));
        match asked.deed {
            // It is in the hands of whoever called, and goes off there.
            Deed::DropBombOfPart => return Ok(()),
            Deed::Wait(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Deed::Hold => self.wait_for(RELEASE).await,
            Deed::Fail => return error("it fails"),
            Deed::FailTimes(times) if delivery.attempt() <= times => return error("it fails for now"),
            Deed::FailWhileDown if self.folder.join(DOWN).exists() => return error("what it needs is down"),
            Deed::Note | Deed::FailTimes(_) | Deed::FailWhileDown => {}
            Deed::Reject => return Err(HandlerError::reject("it is rejected")),
            Deed::Panic => panic!("it panics"),
            Deed::PanicWithBomb => std::panic::panic_any(Bomb(true)),
            Deed::FailUnspeakably => return Err(HandlerError::retry(Unspeakable)),
            Deed::FailWithBomb => return Err(HandlerError::retry(Explosive(Bomb(true)))),
            Deed::DropBomb => drop(Bomb(true)),
            Deed::DropBombWhenCancelled => {
                let _bomb = Bomb(true);
                pending::<()>().await;
            }
            Deed::Block(millis) => std::thread::sleep(Duration::from_millis(millis)),
            Deed::Never | Deed::Nonsense => pending().await,
            Deed::Abort => std::process::abort(),
        }
        self.notebook
            .note(delivery.handler(), asked.number, asked.id(), &asked.line);
        Ok(())
    }

    async fn wait_for(&self, file: &str) {
        while !self.folder.join(file).exists() {
            tokio::time::sleep(LOOK).await;
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

impl FromDelivery<Desk> for Bomb {
    async fn from_delivery(delivery: &Delivery, _: &Desk) -> Result<Self, Rejection> {
        let deed = delivery.event().decode::<Asked>().map(|asked| asked.deed);
        Ok(Self(matches!(deed, Ok(Deed::DropBombOfPart))))
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
