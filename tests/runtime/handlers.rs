//! The events and handlers of the tests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidings::{Delivery, DomainEvent, HandlerError, State, event_handler};

/// An order was placed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.placed", aggregate_id = order)]
pub(crate) struct Placed {
    pub(crate) order: String,
    pub(crate) number: u32,
}

/// An order was paid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, DomainEvent)]
#[event(type = "order.paid", aggregate_id = order)]
pub(crate) struct Paid {
    pub(crate) order: String,
    pub(crate) number: u32,
}

pub(crate) fn placed(order: &str, number: u32) -> Placed {
    Placed {
        order: order.to_owned(),
        number,
    }
}

pub(crate) fn paid(order: &str, number: u32) -> Paid {
    Paid {
        order: order.to_owned(),
        number,
    }
}

/// Records the attempts of the handlers and decides whether they fail.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    seen: Arc<Mutex<Vec<(u32, u32)>>>,
    failing: Arc<AtomicBool>,
    /// Decides by number and attempt, while the recorder fails.
    spares: Option<fn(u32, u32) -> bool>,
}

impl Recorder {
    pub(crate) fn failing() -> Self {
        let recorder = Self::default();
        recorder.failing.store(true, Ordering::SeqCst);
        recorder
    }

    /// Fails every attempt except those that `spares` accepts by number and attempt.
    pub(crate) fn failing_except(spares: fn(u32, u32) -> bool) -> Self {
        Self {
            spares: Some(spares),
            ..Self::failing()
        }
    }

    pub(crate) fn repair(&self) {
        self.failing.store(false, Ordering::SeqCst);
    }

    pub(crate) fn record(&self, number: u32, delivery: &Delivery) -> Result<(), HandlerError> {
        self.seen.lock().unwrap().push((number, delivery.attempt()));
        let is_spared = self
            .spares
            .is_some_and(|spares| spares(number, delivery.attempt()));
        if self.failing.load(Ordering::SeqCst) && !is_spared {
            return Err(HandlerError::retry("the gateway is down"));
        }
        Ok(())
    }

    pub(crate) fn seen(&self) -> Vec<(u32, u32)> {
        self.seen.lock().unwrap().clone()
    }
}

#[event_handler]
pub(crate) async fn plain(
    event: Placed,
    delivery: Delivery,
    State(recorder): State<Recorder>,
) -> Result<(), HandlerError> {
    recorder.record(event.number, &delivery)
}

#[event_handler(breaker = 2)]
pub(crate) async fn cautious(
    event: Placed,
    delivery: Delivery,
    State(recorder): State<Recorder>,
) -> Result<(), HandlerError> {
    recorder.record(event.number, &delivery)
}

#[event_handler(breaker = "off")]
pub(crate) async fn unguarded(
    event: Placed,
    delivery: Delivery,
    State(recorder): State<Recorder>,
) -> Result<(), HandlerError> {
    recorder.record(event.number, &delivery)
}

#[event_handler(ordered_by = "aggregate_id", retry(attempts = 8, rungs = "5s"))]
pub(crate) async fn ordered(
    event: Placed,
    delivery: Delivery,
    State(recorder): State<Recorder>,
) -> Result<(), HandlerError> {
    recorder.record(event.number, &delivery)
}

#[event_handler(ephemeral)]
pub(crate) async fn every(
    event: Placed,
    delivery: Delivery,
    State(recorder): State<Recorder>,
) -> Result<(), HandlerError> {
    recorder.record(event.number, &delivery)
}

#[event_handler(retry(attempts = 3, rungs = "5m"))]
pub(crate) async fn patient(
    event: Placed,
    delivery: Delivery,
    State(recorder): State<Recorder>,
) -> Result<Paid, HandlerError> {
    recorder.record(event.number, &delivery)?;
    Ok(paid(&event.order, event.number))
}

#[event_handler]
pub(crate) async fn ping(event: Placed) -> Paid {
    paid(&event.order, event.number)
}

#[event_handler]
pub(crate) async fn pong(event: Paid) -> Placed {
    placed(&event.order, event.number)
}

macro_rules! start {
    ($bus:expr, [$($handler:path),*]) => {
        tidings::App::new("shop")
            .handlers(tidings::handlers![$($handler),*])
            .start($bus)
            .await
            .expect("the app starts")
    };
    ($bus:expr, $recorder:expr, [$($handler:path),*]) => {
        tidings::App::new("shop")
            .state($recorder.clone())
            .handlers(tidings::handlers![$($handler),*])
            .start($bus)
            .await
            .expect("the app starts")
    };
}

pub(crate) use start;
