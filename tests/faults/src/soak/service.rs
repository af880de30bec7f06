//! The service of a soak: the default handlers, and some that misbehave on request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tidings::{App, Delivery, Event, FromRef, HandlerError, State, event_handler, handlers};
use tokio::sync::watch;

use crate::event::Noted;
use crate::handler_log::HandlerLog;
use crate::handlers::{SERVICE, faltering, ordered, plain};

/// The handlers of a soak. `remote` runs in its own process.
pub(crate) const HANDLERS: &[&str] = &[
    "plain",
    "faltering",
    "ordered",
    "rejecting",
    "misbehaving",
    "remote",
];

/// `rejecting` dead-letters one event in this many.
const REJECT_EVERY: u64 = 200;

/// The behaviour of the handler `misbehaving`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// It finishes every event.
    Normal,
    /// It returns an error at the first attempt of every fifth event.
    Errors,
    /// It panics at the same attempts.
    Panics,
    /// It blocks its thread at the same attempts.
    Blocks,
    /// It exceeds its timeout at the same attempts.
    TimesOut,
    /// It keeps one event until the behaviour changes.
    Holds,
    /// It fails every attempt.
    Down,
}

/// The state of the handlers of a soak.
#[derive(Debug, Clone)]
pub(crate) struct Behaviours {
    handler_log: HandlerLog,
    behaviour: Arc<watch::Sender<Behaviour>>,
    is_holding: Arc<AtomicBool>,
    misbehaviours: Arc<AtomicU64>,
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
            behaviour: Arc::new(watch::Sender::new(Behaviour::Normal)),
            is_holding: Arc::default(),
            misbehaviours: Arc::default(),
        }
    }

    /// Changes the behaviour of `misbehaving`.
    pub(crate) fn set(&self, behaviour: Behaviour) {
        self.is_holding.store(false, Ordering::Relaxed);
        self.behaviour.send_replace(behaviour);
    }

    /// How often `misbehaving` misbehaved.
    pub(crate) fn misbehaviours(&self) -> u64 {
        self.misbehaviours.load(Ordering::Relaxed)
    }

    /// The app with all handlers but `remote`.
    pub(crate) fn app(&self) -> App<Self> {
        App::new(SERVICE).state(self.clone()).handlers(handlers![
            plain,
            faltering,
            ordered,
            rejecting,
            misbehaving
        ])
    }

    fn count_misbehaviour(&self) {
        self.misbehaviours.fetch_add(1, Ordering::Relaxed);
    }
}

#[event_handler("fault.noted")]
async fn rejecting(event: Event<Noted>, State(handler_log): State<HandlerLog>) -> Result<(), HandlerError> {
    if event.number.is_multiple_of(REJECT_EVERY) {
        return Err(HandlerError::reject("it is rejected"));
    }
    handler_log.record("rejecting", event.number, event.id(), &event.aggregate);
    Ok(())
}

#[event_handler("fault.noted", timeout = "10s")]
async fn misbehaving(
    event: Event<Noted>,
    delivery: Delivery,
    State(behaviours): State<Behaviours>,
) -> Result<(), HandlerError> {
    let chosen = event.number.is_multiple_of(5) && delivery.attempt() == 1;
    let behaviour = *behaviours.behaviour.borrow();
    match behaviour {
        Behaviour::Errors if chosen => {
            behaviours.count_misbehaviour();
            return Err(HandlerError::retry("it misbehaves"));
        }
        Behaviour::Panics if chosen => {
            behaviours.count_misbehaviour();
            // This panics without a message on stderr.
            std::panic::resume_unwind(Box::new("it misbehaves"));
        }
        Behaviour::Blocks if chosen => {
            behaviours.count_misbehaviour();
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Behaviour::TimesOut if chosen => {
            behaviours.count_misbehaviour();
            std::future::pending::<()>().await;
        }
        Behaviour::Holds if !behaviours.is_holding.swap(true, Ordering::Relaxed) => {
            behaviours.count_misbehaviour();
            let mut changes = behaviours.behaviour.subscribe();
            // The sender is in the state, so this cannot fail.
            let _ = changes.wait_for(|behaviour| *behaviour != Behaviour::Holds).await;
        }
        Behaviour::Down => {
            behaviours.count_misbehaviour();
            return Err(HandlerError::retry("the dependency is down"));
        }
        _ => {}
    }
    behaviours
        .handler_log
        .record("misbehaving", event.number, event.id(), &event.aggregate);
    Ok(())
}
