//! The service of a soak: the usual handlers, and some with a temper.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tidings::{App, Delivery, Event, FromRef, HandlerError, State, event_handler, handlers};
use tokio::sync::watch;

use crate::event::Noted;
use crate::handlers::{SERVICE, faltering, ordered, plain};
use crate::notebook::Notebook;

/// Its handlers; `far` is in a process of its own.
pub(crate) const HANDLERS: &[&str] = &["plain", "faltering", "ordered", "refusing", "unruly", "far"];

/// Of so many events `refusing` gives up on one.
const REFUSED: u64 = 200;

/// What `unruly` is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
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
pub(crate) struct Temper {
    notebook: Notebook,
    mood: Arc<watch::Sender<Mood>>,
    holds: Arc<AtomicBool>,
    misdeeds: Arc<AtomicU64>,
}

impl FromRef<Temper> for Notebook {
    fn from_ref(temper: &Temper) -> Self {
        temper.notebook.clone()
    }
}

impl Temper {
    pub(crate) fn new(notebook: Notebook) -> Self {
        Self {
            notebook,
            mood: Arc::new(watch::Sender::new(Mood::Well)),
            holds: Arc::default(),
            misdeeds: Arc::default(),
        }
    }

    /// Changes what `unruly` is like, from now on.
    pub(crate) fn set(&self, mood: Mood) {
        self.holds.store(false, Ordering::Relaxed);
        self.mood.send_replace(mood);
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
async fn refusing(event: Event<Noted>, State(notebook): State<Notebook>) -> Result<(), HandlerError> {
    if event.number.is_multiple_of(REFUSED) {
        return Err(HandlerError::reject("it is one of those"));
    }
    notebook.note("refusing", event.number, event.id(), &event.line);
    Ok(())
}

/// Is as its mood is.
#[event_handler("fault.noted", timeout = "10s")]
async fn unruly(
    event: Event<Noted>,
    delivery: Delivery,
    State(temper): State<Temper>,
) -> Result<(), HandlerError> {
    let chosen = event.number.is_multiple_of(5) && delivery.attempt() == 1;
    let mood = *temper.mood.borrow();
    match mood {
        Mood::Errors if chosen => {
            temper.misbehaves();
            return Err(HandlerError::retry("it is not itself"));
        }
        Mood::Panics if chosen => {
            temper.misbehaves();
            // A panic like any other, but for the text of it on the screen.
            std::panic::resume_unwind(Box::new("it is not itself"));
        }
        Mood::Blocks if chosen => {
            temper.misbehaves();
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Mood::Endless if chosen => {
            temper.misbehaves();
            std::future::pending::<()>().await;
        }
        Mood::Holds if !temper.holds.swap(true, Ordering::Relaxed) => {
            temper.misbehaves();
            let mut moods = temper.mood.subscribe();
            // The sender is in the temper.
            let _ = moods.wait_for(|mood| *mood != Mood::Holds).await;
        }
        Mood::Down => {
            temper.misbehaves();
            return Err(HandlerError::retry("what it needs is down"));
        }
        _ => {}
    }
    temper
        .notebook
        .note("unruly", event.number, event.id(), &event.line);
    Ok(())
}
