//! The service of a soak: the usual handlers, and some with a behaviours.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tidings::{App, Delivery, Event, FromRef, HandlerError, State, event_handler, handlers};
use tokio::sync::watch;

use crate::event::Noted;
use crate::handler_log::HandlerLog;
use crate::handlers::{SERVICE, faltering, ordered, plain};

/// Its handlers; `far` is in a process of its own.
pub(crate) const HANDLERS: &[&str] = &["plain", "faltering", "ordered", "refusing", "unruly", "far"];

/// Of so many events `refusing` gives up on one.
const REFUSED: u64 = 200;

/// What `unruly` is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// It finishes every event at once.
    Well,
    /// It returns an error at the first attempt of one event of five.
    Errors,
    /// It panics then.
    Panics,
    /// It blocks its thread for a while.
    Blocks,
    /// It does not end, and is cancelled.
    Endless,
    /// It holds one event for as long as this lasts.
    Holds,
    /// It fails whatever it is given.
    Down,
}

/// What its handlers have at hand.
#[derive(Debug, Clone)]
pub(crate) struct Behaviours {
    handler_log: HandlerLog,
    behaviour: Arc<watch::Sender<Behaviour>>,
    holds: Arc<AtomicBool>,
    misdeeds: Arc<AtomicU64>,
}

impl FromRef<Behaviours> for HandlerLog {
    fn from_ref(behaviours: &Behaviours) -> Self {
        behaviours.handler_log.clone()
    }
}

impl Behaviours {
    pub(crate) fn new(handler_log: HandlerLog) -> Self {
        Self {
            handler_log,
            behaviour: Arc::new(watch::Sender::new(Behaviour::Well)),
            holds: Arc::default(),
            misdeeds: Arc::default(),
        }
    }

    /// Changes what `unruly` is like, from now on.
    pub(crate) fn set(&self, behaviour: Behaviour) {
        self.holds.store(false, Ordering::Relaxed);
        self.behaviour.send_replace(behaviour);
    }

    /// How often it was other than well.
    pub(crate) fn misdeeds(&self) -> u64 {
        self.misdeeds.load(Ordering::Relaxed)
    }

    /// The app of all but `far`.
    pub(crate) fn app(&self) -> App<Self> {
        App::new(SERVICE)
            .state(self.clone())
            .handlers(handlers![plain, faltering, ordered, refusing, unruly])
    }

    fn misbehaves(&self) {
        self.misdeeds.fetch_add(1, Ordering::Relaxed);
    }
}

/// Gives up on a few.
#[event_handler("fault.noted")]
async fn refusing(event: Event<Noted>, State(handler_log): State<HandlerLog>) -> Result<(), HandlerError> {
    if event.number.is_multiple_of(REFUSED) {
        return Err(HandlerError::reject("it is one of those"));
    }
    handler_log.record("refusing", event.number, event.id(), &event.aggregate);
    Ok(())
}

/// Is as its behaviour is.
#[event_handler("fault.noted", timeout = "10s")]
async fn unruly(
    event: Event<Noted>,
    delivery: Delivery,
    State(behaviours): State<Behaviours>,
) -> Result<(), HandlerError> {
    let chosen = event.number.is_multiple_of(5) && delivery.attempt() == 1;
    let behaviour = *behaviours.behaviour.borrow();
    match behaviour {
        Behaviour::Errors if chosen => {
            behaviours.misbehaves();
            return Err(HandlerError::retry("it is not itself"));
        }
        Behaviour::Panics if chosen => {
            behaviours.misbehaves();
            // A panic like any other, but for the text of it on the screen.
            std::panic::resume_unwind(Box::new("it is not itself"));
        }
        Behaviour::Blocks if chosen => {
            behaviours.misbehaves();
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Behaviour::Endless if chosen => {
            behaviours.misbehaves();
            std::future::pending::<()>().await;
        }
        Behaviour::Holds if !behaviours.holds.swap(true, Ordering::Relaxed) => {
            behaviours.misbehaves();
            let mut changes = behaviours.behaviour.subscribe();
            // The sender is in the behaviours.
            let _ = changes.wait_for(|behaviour| *behaviour != Behaviour::Holds).await;
        }
        Behaviour::Down => {
            behaviours.misbehaves();
            return Err(HandlerError::retry("what it needs is down"));
        }
        _ => {}
    }
    behaviours
        .handler_log
        .record("unruly", event.number, event.id(), &event.aggregate);
    Ok(())
}
